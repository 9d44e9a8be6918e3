import { expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Transport } from '../../src/ports/transport.js';
import { createWorld, next, take, until, type World } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

/** A transport that loses what `loses` says: acknowledged like any other, but never published. */
function lossy(world: World, loses: (topic: string, count: number) => boolean): Transport {
  const inner = mqttTransport({ broker: world.brokerUrl, clientId: `lossy-${Math.random().toString(36).slice(2)}` });
  const counts = new Map<string, number>();
  return {
    ...inner,
    publish: async (topic, payload, options) => {
      const count = (counts.get(topic) ?? 0) + 1;
      counts.set(topic, count);
      if (!loses(topic, count)) await inner.publish(topic, payload, options);
    },
  };
}

test('a message is delivered when the receiver has it, and then it is forgotten', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { timing }), await world.join('bob', { timing })];
  const sent = await alice.send('bob', 'hello');
  await sent.delivered;
  expect(sent.deliveredTo).toEqual([bob.deviceId]);
  expect(alice.status()).toMatchObject({ outbox: 0, unreceipted: 0 });
  expect(await take(bob, 1)).toHaveLength(1);
});

test('without receipts a message is forgotten when the broker has it', async () => {
  const world = await createWorld();
  const [alice] = [await world.join('alice', { timing }), await world.join('bob', { timing, receipts: false })];
  await (await alice.send('bob', 'not kept', { receipt: false })).published;
  expect(alice.status()).toMatchObject({ outbox: 0, unreceipted: 0 });
  await (await alice.send('bob', 'kept')).published;
  expect(alice.status()).toMatchObject({ outbox: 0, unreceipted: 1 });
});

test('what a broker lost is asked for and comes, once each', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { timing });
  const lost = new Set([2, 3, 5, 9]);
  const alice = await world.join('alice', {
    timing,
    broker: lossy(world, (topic, count) => topic === 'nes/bob/message' && lost.has(count)),
  });
  const missing: unknown[] = [];
  bob.on('missing', ({ range }) => missing.push([...range]));
  for (let i = 1; i <= 10; i++) await alice.send('bob', String(i));
  const texts = (await take(bob, 10)).map(({ text }) => Number(text));
  expect(texts.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(missing).toContainEqual([2, 3]);
  await until(() => alice.status().unreceipted === 0 || undefined);
});

test('the last message, and the very first, leave no gap and come all the same', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { timing });
  const broker = lossy(world, (topic, count) => topic === 'nes/bob/message' && count <= 2);
  const alice = await world.join('alice', { timing, broker });
  await alice.send('bob', 'first and last');
  expect((await take(bob, 1))[0]?.text).toBe('first and last');
  await alice.send('bob', 'second');
  await take(bob, 1);
  await until(() => alice.status().unreceipted === 0 || undefined);
});

test('a first message that was lost behind a second one comes, too', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { timing });
  const broker = lossy(world, (topic, count) => topic === 'nes/bob/message' && count === 1);
  const alice = await world.join('alice', { timing, broker });
  await alice.send('bob', 'one');
  await alice.send('bob', 'two');
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['two', 'one']);
});

test('unreceipted messages survive a restart of the sender', async () => {
  const world = await createWorld();
  const store = lasting();
  const bobStore = lasting();
  const bob = await world.join('bob', { timing, store: bobStore });
  await bob.close();
  const alice = await world.join('alice', { timing, store });
  await (await alice.send('bob', 'while you were away')).published;
  expect(alice.status().unreceipted).toBe(1);
  await alice.close();
  const again = await world.open('alice', { timing, store });
  expect(again.status().unreceipted).toBe(1);
  const bobAgain = await world.open('bob', { timing, store: bobStore });
  await take(bobAgain, 1);
  await until(() => again.status().unreceipted === 0 || undefined);
});

test('a sender whose store is an old copy starts a new numbering instead of using numbers twice', async () => {
  const world = await createWorld();
  const store = lasting();
  const bob = await world.join('bob', { timing });
  const alice = await world.join('alice', { timing, store });
  await (await alice.send('bob', 'one')).delivered;
  const backup: [string, Uint8Array][] = [];
  for await (const entry of store.iterator({})) backup.push(entry);
  await (await alice.send('bob', 'two')).delivered;
  await (await alice.send('bob', 'three')).delivered;
  await alice.close();

  const restored = lasting();
  await restored.batch(backup.map(([key, value]) => ({ type: 'put', key, value })));
  const again = await world.open('alice', { timing, store: restored });
  const refused = next(bob, 'rejected');
  await again.send('bob', 'two again');
  expect(await refused).toEqual({ reason: 'duplicate', from: 'alice' });
  // Bob's receipt tells Alice that he has numbers she does not remember giving.
  await until(() => again.status().unreceipted === 0 || undefined);
  expect((await again.send('bob', 'new numbering')).seq).toBe(1);
  expect((await take(bob, 4)).map(({ text }) => text)).toEqual(['one', 'two', 'three', 'new numbering']);
});

test('a receipt or a request in another name does nothing', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { timing }), await world.join('bob', { timing, receipts: false })];
  const mallory = await world.join('mallory', { timing });
  await (await alice.send('bob', 'for Bob')).published;
  await (await mallory.send('alice', 'hello')).published;
  await take(alice, 1);
  await (await alice.send('mallory', 'for Mallory')).delivered;
  expect(alice.status().unreceipted).toBe(1);
  await take(bob, 1);
});
