import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { createDueList, MAX_DEVICES } from '../../src/client/due-list.js';
import type { Message } from '../../src/client/message.js';
import { createSeen, MAX_STREAMS } from '../../src/client/seen.js';
import type { Store } from '../../src/ports/store.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { activeSealKeys } from '../../src/protocol/identity/index.js';
import { claims, liar, now, provider } from './liar.js';
import { createWorld, next, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const numbering = (stream: number, device = 'phone') => ({ from: 'mallory', device, stream });
const id = (n: number) => new Uint8Array(16).fill(n);

async function keysUnder(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.iterator({ gte: prefix, lt: `${prefix}~` })) keys.push(key);
  return keys;
}

test('of one device the newest numberings are remembered, whatever it begins; what is forgotten is stale for good', async () => {
  const store = memoryStore();
  const seen = createSeen(store);
  const lost: unknown[] = [];
  for (let stream = 1; stream <= 3000; stream++) {
    for (const seq of [1, 3]) {
      const sighting = await seen.accept(numbering(stream), seq, id(seq));
      if (sighting.kind !== 'new') throw new TypeError(sighting.kind);
      lost.push(...sighting.retired);
      // Durable late, as it is in real life: up to 64 messages are judged together.
      if (stream % 50 === 0) await store.batch([...sighting.operations]);
      else void store.batch([...sighting.operations]);
    }
  }
  expect(await keysUnder(store, 'seen/mallory/')).toHaveLength(MAX_STREAMS);
  expect(await keysUnder(store, 'recent/')).toHaveLength(2 * MAX_STREAMS);
  // What was missing of each is told, once.
  expect(lost).toHaveLength(3000 - MAX_STREAMS);
  expect(lost[0]).toEqual({ stream: 1, lost: [[2, 2]] });
  for (const memory of [seen, createSeen(store)]) {
    expect((await memory.accept(numbering(1), 1, id(1))).kind).toBe('stale-stream');
    expect((await memory.accept(numbering(3000 - MAX_STREAMS), 2, id(2))).kind).toBe('stale-stream');
    expect((await memory.accept(numbering(3001 - MAX_STREAMS), 1, id(1))).kind).toBe('duplicate');
    expect((await memory.accept(numbering(3001 - MAX_STREAMS), 1, id(2))).kind).toBe('sequence-reused');
    // Another device of the same account has numberings of its own.
    expect((await memory.accept(numbering(1, `tablet-${memory === seen}`), 1, id(1))).kind).toBe('new');
  }
});

test('a forgotten numbering does not come back while its end is not durable yet', async () => {
  const store = memoryStore();
  const seen = createSeen(store);
  for (let stream = 1; stream <= MAX_STREAMS; stream++) {
    const sighting = await seen.accept(numbering(stream), 1, id(1));
    await store.batch(sighting.kind === 'new' ? [...sighting.operations] : []);
  }
  expect((await seen.accept(numbering(MAX_STREAMS + 1), 1, id(1))).kind).toBe('new');
  expect((await seen.accept(numbering(1), 2, id(2))).kind).toBe('stale-stream');
  expect(await seen.state(numbering(1))).toBeUndefined();
  expect(await seen.skip(numbering(1), [[1, 5]])).toEqual([]);
  expect((await seen.accept(numbering(2), 2, id(2))).kind).toBe('new');
});

test('what is owed to peers is bounded: by numberings of a device, and by devices', () => {
  const due = createDueList(1000);
  for (let stream = 1; stream <= 5000; stream++) due.entry(numbering(stream)).receiptAt = stream;
  expect([...due].map(({ numbering: { stream } }) => stream)).toEqual(
    Array.from({ length: MAX_STREAMS }, (_, i) => 5001 - MAX_STREAMS + i),
  );
  const first = due.entry(numbering(1, 'device-0'));
  first.receiptAt = 1;
  for (let n = 1; n <= MAX_DEVICES; n++) due.entry(numbering(1, `device-${n}`)).receiptAt = n;
  expect([...due]).toHaveLength(MAX_DEVICES);
  // Whoever made room is owed nothing any more.
  expect(first.receiptAt).toBeUndefined();
});

test('a peer who opens thousands of numberings fills no store, and keeps no receipt from anybody', async () => {
  const world = await createWorld();
  const store = memoryStore();
  const bob = await world.join('bob', { timing, store });
  const alice = await world.join('alice', { timing });
  const mallory = await liar(world, 'mallory');
  const handled: Message[] = [];
  bob.on('message', (message) => void handled.push(message));
  const gaveUp = next(bob, 'lost');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const client = await world.client();
  const sealed: Uint8Array[] = [];
  const STREAMS = 1000;
  const publish = (seq: number, stream: number) =>
    seal(provider, { ...claims('mallory', 'bob'), seq, stream }, keys).then((one) => {
      sealed.push(one);
      return client.publishAsync('nes/bob/message', Buffer.from(one), { qos: 1 });
    });
  await publish(1, 1);
  await publish(3, 1);
  for (let stream = 2; stream <= STREAMS; stream += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, i) => publish(1, Math.min(stream + i, STREAMS))));
    if (stream % 250 === 2) await (await alice.send('bob', String(stream))).delivered;
  }
  await until(() => handled.length === STREAMS + 1 + 4 || undefined);
  expect(await gaveUp).toMatchObject({ from: 'mallory', stream: 1, range: [2, 2], reason: 'too-many-streams' });
  expect(await keysUnder(store, 'seen/mallory/')).toHaveLength(MAX_STREAMS);
  expect(await keysUnder(store, 'recent/seen/mallory/')).toHaveLength(MAX_STREAMS);
  // What was forgotten does not come again.
  const rejected = next(bob, 'rejected');
  await client.publishAsync('nes/bob/message', Buffer.from(sealed[0] as Uint8Array), { qos: 1 });
  expect(await rejected).toMatchObject({ reason: 'stale-stream', from: 'mallory' });
  expect(handled).toHaveLength(STREAMS + 1 + 4);
  await (await alice.send('bob', 'still there')).delivered;
});
