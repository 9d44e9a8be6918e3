import { expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { createBroker, createRelay } from '../../src/server/index.js';
import { exchangeCards } from '../client/unlisted.js';
import { take } from '../client/world.js';
import { startService } from '../registration/service.js';

test('people whom no directory can name hand in, and are handed to', async () => {
  const service = await startService({ mode: 'anonymous' }, { clock: { now: () => Date.now() } as never });
  const broker = await createBroker();
  onTestFinished(() => broker.close());
  const url = broker.mqttUrl as string;
  const { server, mail } = service;
  const { registered, checkInfoOk } = server;
  const relay = await createRelay({ broker: url, directory: server.url, registered, checkInfoOk });
  onTestFinished(() => relay.close());
  await server.publishRelay(relay.record);

  const open = async (userId: string) => {
    const email = `${userId}@example.org`;
    const anonymous = { userId, email };
    const options = { anonymous, broker: url, directory: server.url, store: memoryStore(), via: 'relay' as const };
    const messenger = await Messenger.open(options);
    onTestFinished(() => messenger.close());
    return { messenger, register: () => messenger.register({ email, code: () => mail.codes.at(-1) ?? '' }) };
  };
  const people = [await open('alice'), await open('bob'), await open('carol')];
  const [alice, bob, carol] = people.map(({ messenger }) => messenger) as [Messenger, Messenger, Messenger];
  await exchangeCards(alice, bob, carol);

  // Without a registration there is nothing to show.
  for (const { register } of people.slice(0, 2)) await register();
  const sent = await alice.send([bob.address, carol.address], 'hello');
  const outcomes = await sent.outcomes;
  const of = (address: string) => outcomes.find(({ to }) => to === address);
  expect(of(bob.address)).toMatchObject({ kind: 'accepted' });
  expect(of(carol.address)).toMatchObject({ kind: 'refused', error: { code: 'DIRECTORY_NOT_FOUND' } });
  expect((await take(bob, 1))[0]).toMatchObject({ from: alice.address, text: 'hello' });
  await sent.each.find(({ to }) => to === bob.address)?.delivered;

  // Now she is registered; and a reply goes the same way.
  await people[2]?.register();
  await (await alice.send(carol.address, 'again')).published;
  expect((await take(carol, 1))[0]?.text).toBe('again');
});
