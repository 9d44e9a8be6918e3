import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { manualClock } from '../directory/fixtures.js';
import { carelessDirectory } from './careless-directory.js';
import { createWorld, next, take, until } from './world.js';

const timing = { handleAgainAfter: 1, receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

test('how much waits, and for how long, over a restart too', async () => {
  const world = await createWorld();
  const clock = manualClock();
  const settings = { clock, timing, directory: carelessDirectory() };
  const store = lasting();
  const bob = await world.join('bob', { ...settings, receipts: 'none' });
  const alice = await world.join('alice', { ...settings, store });
  expect(alice.status()).toMatchObject({ connection: 'connected', waiting: {}, clockDelta: 0 });

  await (await alice.send('bob', 'one')).published;
  await until(() => bob.status().opened === 1 || undefined);
  clock.advance(60);
  expect(alice.status().waiting).toEqual({ unreceipted: 60_000 });
  expect(bob.status().waiting).toEqual({ opened: 60_000 });
  expect(alice.status().keys).toMatchObject({ size: 2, failures: 0 });
  const asked = () => alice.status().keys.hits + alice.status().keys.misses;
  const before = asked();
  const down = next(alice, 'connection', ({ state }) => state === 'disconnected');
  await world.broker.close();
  expect(await down).toMatchObject({ cause: expect.stringMatching(/network|ended-by-broker/) });
  expect(alice.status().lastChange.state).not.toBe('connected');
  await alice.send('bob', 'two');
  expect(asked()).toBeGreaterThan(before);
  clock.advance(30);
  expect(alice.status()).toMatchObject({ outbox: 1, waiting: { unreceipted: 90_000, outbox: 30_000 } });
  await alice.close();

  clock.advance(3600);
  const again = await world.open('alice', { ...settings, store, connect: 'background', connectTimeout: 300 });
  expect(again.status().waiting).toEqual({ unreceipted: 3_690_000, outbox: 3_630_000 });
});

test('what an application failed on is counted, and what waits for a key', async () => {
  const world = await createWorld();
  const clock = manualClock();
  const directory = carelessDirectory();
  const keyCache = { cooldown: 0 };
  const bob = await world.join('bob', { clock, directory, keyCache, timing });
  const alice = await world.join('alice', { clock, directory, timing });
  // Carol is in another directory, so Bob cannot know who she is.
  const elsewhere = carelessDirectory();
  await elsewhere.publish('bob', bob.record.bytes);
  const carol = await world.join('carol', { clock, directory: elsewhere });
  await carol.send('bob', 'who am I?');
  await until(() => bob.status().quarantine === 1 || undefined);
  const failed = next(bob, 'rejected');
  const stop = bob.on('message', () => {
    throw new RangeError('no');
  });
  await alice.send('bob', 'poison');
  expect((await failed).reason).toBe('handler-failed');
  stop();
  clock.advance(5);
  expect(bob.status()).toMatchObject({ failed: 1, quarantine: 1, waiting: { failed: 5000, quarantine: 5000 } });
  await alice.send('bob', 'bread');
  expect((await take(bob, 1))[0]?.text).toBe('bread');
});
