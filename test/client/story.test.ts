import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { type Broker, createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider, type KeyProvider } from '../../src/server/key-provider/key-provider.js';

let broker: Broker;
let directory: KeyProvider;

beforeAll(async () => {
  broker = await createBroker({ ws: 0 });
  directory = await createKeyProvider();
});
afterAll(async () => {
  await broker.close();
  await directory.close();
});

const open = (address: string) =>
  Messenger.open({ address, broker: broker.mqttUrl as string, directory: directory.url, store: memoryStore() });

test('Bob reads what Alice wrote, and knows it is hers; Carol has only bytes', async () => {
  const [alice, bob] = await Promise.all([open('alice'), open('bob')]);
  await Promise.all([alice.register(), bob.register()]);
  const carol = await mqtt.connectAsync(broker.mqttUrl as string);
  const overheard = new Promise<Uint8Array>((resolve) => carol.once('message', (_, payload) => resolve(payload)));
  await carol.subscribeAsync('nes/bob/message');

  const sent = await alice.send('bob', 'Hello Bob!', { channel: 'greetings' });
  await sent.published;
  for await (const message of bob.messages()) {
    expect(message).toMatchObject({ from: 'alice', text: 'Hello Bob!', channel: 'greetings', seq: 1, id: sent.id });
    break;
  }
  const bytes = Buffer.from(await overheard).toString('latin1');
  expect(bytes).not.toContain('Hello');
  expect(bytes).not.toContain('alice');
  await carol.endAsync();
  await Promise.all([alice.close(), bob.close()]);
});
