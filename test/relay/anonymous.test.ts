import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { createBroker, createRelay } from '../../src/server/index.js';
import { exchangeCards } from '../client/unlisted.js';
import { next, take, until } from '../client/world.js';
import { startService } from '../registration/service.js';
import { createPushService } from './push-service.js';

/** A directory of anonymous people, a broker, and a relay that wakes. */
async function scene() {
  const service = await startService({ mode: 'anonymous' }, { clock: { now: () => Date.now() } as never });
  const broker = await createBroker();
  onTestFinished(() => broker.close());
  const url = broker.mqttUrl as string;
  const { server, mail } = service;
  const { registered, checkInfoOk } = server;
  const pushes = await createPushService();
  const relay = await createRelay({
    broker: url,
    directory: server.url,
    registered,
    checkInfoOk,
    push: pushes.options,
  });
  onTestFinished(() => relay.close());
  await server.publishRelay(relay.record);

  const open = async (userId: string, store: MessengerOptions['store'] = memoryStore()) => {
    const email = `${userId}@example.org`;
    const anonymous = { userId, email };
    const calls = { rtc: false } as const;
    const options = { anonymous, broker: url, directory: server.url, store, via: 'relay' as const, calls };
    const messenger = await Messenger.open(options);
    // At once: a device on which nobody listens does not ring.
    const rings = next(messenger, 'call');
    onTestFinished(() => messenger.close());
    return { messenger, rings, register: () => messenger.register({ email, code: () => mail.codes.at(-1) ?? '' }) };
  };
  return { open, pushes };
}

test('people whom no directory can name hand in, and are handed to', async () => {
  const { open } = await scene();
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

test('one whom no directory can name is woken, and takes the call', async () => {
  const { open, pushes } = await scene();
  const store = await mkdtemp(join(tmpdir(), 'sealmq-anonymous-'));
  onTestFinished(() => rm(store, { recursive: true, force: true }));
  const [alice, bob] = [await open('alice'), await open('bob', store)];
  await exchangeCards(alice.messenger, bob.messenger);
  await alice.register();
  await bob.register();
  await bob.messenger.updatePush(pushes.subscribe());
  await bob.messenger.close();
  const calling = alice.messenger.call(bob.messenger.address);
  const [push] = await until(() => (pushes.received.length > 0 ? pushes.received : undefined));
  const { messenger: woken, rings } = await open('bob', store);
  woken.wake(Buffer.from((push as NonNullable<typeof push>).content).toString());
  const incoming = await rings;
  expect(incoming.from.address).toBe(alice.messenger.address);
  const [a, b] = await Promise.all([calling, incoming.accept()]);
  expect(b.id).toBe(a.id);
  await a.hangUp();
});
