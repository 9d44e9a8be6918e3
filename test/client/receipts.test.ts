import { expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { Store } from '../../src/ports/store.js';
import { encodeControl } from '../../src/protocol/envelope/control.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { type Account, activeSealKeys } from '../../src/protocol/identity/index.js';
import { claims, hearControls, liar, now, provider, publish, read, secondDevice, signKeyOf } from './liar.js';
import { lossy } from './lossy.js';
import { createWorld, next, take, until, type World } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

/** What Carol reads of Alice's first message to her. */
async function firstTo(world: World, alice: Messenger, carol: Account): Promise<{ stream: number }> {
  const { bytes } = await world.overhear('nes/carol/message');
  await alice.send('carol', 'hello');
  return { stream: (await read(await bytes, carol, signKeyOf(alice))).stream as number };
}

type Copy = readonly (readonly [key: string, value: Uint8Array])[];

async function copyOf(store: Store): Promise<Copy> {
  const copy: [string, Uint8Array][] = [];
  for await (const entry of store.iterator({})) copy.push(entry);
  return copy;
}

async function restored(copy: Copy): Promise<Store> {
  const store = lasting();
  await store.batch(copy.map(([key, value]) => ({ type: 'put', key, value })));
  return store;
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
  const [alice] = [await world.join('alice', { timing }), await world.join('bob', { timing, receipts: 'none' })];
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
  const backup = await copyOf(store);
  await (await alice.send('bob', 'two')).delivered;
  await (await alice.send('bob', 'three')).delivered;
  await alice.close();

  const again = await world.open('alice', { timing, store: await restored(backup) });
  const refused = next(bob, 'rejected');
  const lost = await again.send('bob', 'two again');
  expect(await refused).toEqual({ reason: 'sequence-reused', from: 'alice' });
  // Bob's receipt tells Alice that he has numbers she does not remember giving.
  await expect(lost.delivered).rejects.toMatchObject({ code: 'STATE_OUTDATED' });
  await until(() => again.status().unreceipted === 0 || undefined);
  expect((await again.send('bob', 'new numbering')).seq).toBe(1);
  expect((await take(bob, 4)).map(({ text }) => text)).toEqual(['one', 'two', 'three', 'new numbering']);
});

test('a numbering that is older than what the receiver knows is refused, and a newer one begun', async () => {
  const world = await createWorld();
  const store = lasting();
  const [bob, carol] = [await world.join('bob', { timing }), await world.join('carol', { timing })];
  const alice = await world.join('alice', { timing, store });
  const backup = await copyOf(store);
  await (await alice.send('bob', 'one')).delivered;
  await alice.close();

  // The first old copy finds out by Bob's receipt, and writes to Carol in a numbering of its own.
  const first = await world.open('alice', { timing, store: await restored(backup) });
  await expect((await first.send('bob', 'other one')).delivered).rejects.toMatchObject({ code: 'STATE_OUTDATED' });
  await (await first.send('carol', 'hello')).delivered;
  await first.close();

  // The second one does not know of that numbering.
  const second = await world.open('alice', { timing, store: await restored(backup) });
  const refused = next(carol, 'rejected');
  const lost = await second.send('carol', 'lost');
  expect(await refused).toEqual({ reason: 'stale-stream', from: 'alice' });
  await expect(lost.delivered).rejects.toMatchObject({ code: 'STATE_OUTDATED' });
  await (await second.send('carol', 'hello again')).delivered;
  expect((await take(carol, 2)).map(({ text }) => text)).toEqual(['hello', 'hello again']);
  expect(second.status().unreceipted).toBe(0);
  await take(bob, 1);
});

test('a receipt that was lost comes again when the broker has forgotten the session', async () => {
  const world = await createWorld();
  const patient = { ...timing, republishAfter: 600_000 };
  const store = lasting();
  const broker = lossy(world, (topic) => topic === 'nes/alice/control');
  const bob = await world.join('bob', { timing, store, broker });
  const alice = await world.join('alice', { timing: patient });
  const sent = await alice.send('bob', 'hello');
  await take(bob, 1);
  await bob.close();
  expect(sent.deliveredTo).toEqual([]);
  // Another client id is another session: the broker knows nothing of Bob.
  const again = mqttTransport({ broker: world.brokerUrl, clientId: 'another-session-of-bob' });
  const back = await world.open('bob', { timing, store, broker: again });
  await sent.delivered;
  expect(sent.deliveredTo).toEqual([back.deviceId]);
});

test('a duplicate is receipted again', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { timing }), await world.join('bob', { timing })];
  const copy = await world.overhear('nes/bob/message');
  await (await alice.send('bob', 'once')).delivered;
  await take(bob, 1);
  const receipt = await world.overhear('nes/alice/control');
  const rejected = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', await copy.bytes);
  expect(await rejected).toEqual({ reason: 'duplicate', from: 'alice' });
  expect((await receipt.bytes).length).toBeGreaterThan(0);
});

test('a device that was left out is told that the number was not for it', async () => {
  const world = await createWorld();
  const alice = await world.join('alice', { timing, keyCache: { cooldown: 10 }, quarantine: { retryAfter: 20 } });
  const carol = await liar(world, 'carol');
  const { stream } = await firstTo(world, alice, carol);
  const tablet = await secondDevice(world, carol);
  const heard = await hearControls(world, 'carol', tablet.sealKey, signKeyOf(alice));
  const request = encodeControl({ kind: 'resend', device: alice.deviceId, stream, ranges: [[1, 1]] });
  const { seq: _, stream: __, ...unnumbered } = claims('carol', 'alice');
  const keys = { signKey: tablet.signKey, recipients: activeSealKeys(alice.record, now()) };
  const sealed = await seal(provider, { ...unnumbered, family: 'control', payload: request }, keys);
  await publish(world, 'nes/alice/control', sealed);
  const skip = await until(() => heard[0]);
  expect(skip).toEqual({ kind: 'skip', stream, ranges: [[1, 1]], reason: 'not-recipient' });
});

test('of a gap of more than 1,024 the lowest numbers are asked for', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { timing });
  const mallory = await liar(world, 'mallory');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const told: unknown[] = [];
  bob.on('missing', ({ range }) => told.push(range));
  const heard = await hearControls(world, 'mallory', mallory.device.sealKey, signKeyOf(bob));
  for (const seq of [1, 1030, 1032]) {
    await publish(world, 'nes/bob/message', await seal(provider, { ...claims('mallory', 'bob'), seq }, keys));
  }
  const requests = await until(() => {
    const resends = heard.filter((control) => control.kind === 'resend');
    return resends.length > 1 ? resends : undefined;
  });
  expect(told).toEqual([
    [2, 1029],
    [1031, 1031],
  ]);
  for (const { ranges } of requests) expect(ranges).toEqual([[2, 1025]]);
});

test('a receipt or a request in another name does nothing', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { timing }), await world.join('bob', { timing, receipts: 'none' })];
  const mallory = await world.join('mallory', { timing });
  await (await alice.send('bob', 'for Bob')).published;
  await (await mallory.send('alice', 'hello')).published;
  await take(alice, 1);
  await (await alice.send('mallory', 'for Mallory')).delivered;
  expect(alice.status().unreceipted).toBe(1);
  await take(bob, 1);
});
