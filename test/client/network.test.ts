import { describe, expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { closing, createWorld, next, take, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

test('credentials are asked for before each connection; a token that ran out is replaced', async () => {
  const world = await createWorld();
  let valid = 'first';
  let token = 'first';
  const asked: string[] = [];
  const authenticate = ({ password }: { password?: Uint8Array }) => Buffer.from(password ?? []).toString() === valid;
  const before = await createBroker({ authenticate });
  const credentials = async () => {
    asked.push(token);
    return { username: 'alice', password: token };
  };
  const alice = await world.join('alice', { broker: before.mqttUrl as string, credentials });
  expect(new Set(asked)).toEqual(new Set(['first']));

  const refused = next(alice, 'connection', ({ cause }) => cause === 'refused');
  valid = 'second';
  await before.close();
  const after = await createBroker({ authenticate, mqtt: Number(new URL(before.mqttUrl as string).port) });
  closing(() => after.close());
  expect((await refused).state).toBe('disconnected');
  token = 'second';
  await next(alice, 'connection', ({ state }) => state === 'connected');
  expect(asked.at(-1)).toBe('second');
});

test('a broker that comes back finds its clients again, and what was sent meanwhile arrives', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { timing }), await world.join('bob', { timing })];
  const port = Number(new URL(world.brokerUrl).port);
  let { broker } = world;
  for (const text of ['one', 'two', 'three']) {
    const gone = next(alice, 'connection', ({ state }) => state === 'disconnected');
    await broker.close();
    expect((await gone).cause).toBe('network');
    const sent = await alice.send('bob', text);
    broker = await createBroker({ mqtt: port });
    const { close } = broker;
    closing(close);
    expect((await take(bob, 1))[0]?.text).toBe(text);
    await sent.delivered;
  }
});

describe('close', () => {
  test('waits until the broker has what is in flight', async () => {
    const world = await createWorld();
    const [alice] = [await world.join('alice'), await world.join('bob')];
    const sent = await Promise.all(Array.from({ length: 100 }, (_, i) => alice.send('bob', String(i))));
    await alice.close();
    await Promise.all(sent.map(({ published }) => published));
  });

  test('does not wait for ever for a broker that acknowledges nothing; it goes out the next time', async () => {
    const world = await createWorld();
    const bob = await world.join('bob', { timing });
    const inner = mqttTransport({ broker: world.brokerUrl, clientId: 'never-acknowledged' });
    const broker = { ...inner, publish: () => new Promise<void>(() => {}) };
    const store = lasting();
    const alice = await world.join('alice', { broker, store, timing });
    await bob.send('alice', 'to be receipted');
    await take(alice, 1);
    const sent = await alice.send('bob', 'unacknowledged');
    const published = sent.published.catch((error) => error.code);
    await alice.close({ patience: 100 });
    expect(await published).toBe('USAGE_CLOSED');
    const again = await world.open('alice', { store, timing });
    expect((await take(bob, 1))[0]?.text).toBe('unacknowledged');
    await until(() => again.status().unreceipted === 0 || undefined);
  });

  test('does not wait for ever for a handler, not even for one that closes; its message comes again', async () => {
    const world = await createWorld();
    const store = lasting();
    const [alice, bob] = [await world.join('alice'), await world.join('bob', { store })];
    const closed = new Promise<void>((resolve) => {
      bob.on('message', async () => {
        await bob.close({ patience: 100 });
        resolve();
        await new Promise(() => {});
      });
    });
    await alice.send('bob', 'close, please');
    await closed;
    const again = await world.open('bob', { store });
    expect((await take(again, 1))[0]?.text).toBe('close, please');
  });
});
