import { expect, test } from 'vitest';
import { insistentStore } from '../../src/adapters/store/insistent-store.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { DurableQueue } from '../../src/client/durable-queue.js';
import type { EntryCodec } from '../../src/client/entries.js';

const limits = { entries: 1000, bytes: 1 << 20 };

/** Entries that are one byte. */
const codec: EntryCodec<number> = {
  encode: (entry) => Uint8Array.of(entry),
  prepare: (entry) => ({ size: 1, encode: (room) => new Uint8Array(room + 1).fill(entry, room) }),
  decode: ([entry]) => entry as number,
};
const createContext = () => ({ store: insistentStore(memoryStore(), () => {}), now: () => 0 });

test('what lies in the store only is read in order, whatever is replaced or taken out meanwhile', async () => {
  const context = createContext();
  const first = await DurableQueue.open(context, 'opened', codec, limits);
  for (let n = 1; n <= 200; n++) await context.store.batch([first.append(n).operation]);
  const queue = await DurableQueue.open(context, 'opened', codec, limits);
  const seen: number[] = [];
  for (;;) {
    const [entry] = await queue.read(0, 1);
    if (!entry) break;
    seen.push(entry.value);
    if (entry.n === 7 && seen.length === 7) {
      await context.store.batch([queue.replace(7, 77), queue.remove(9)]);
      continue;
    }
    await context.store.batch([queue.remove(entry.n)]);
  }
  const all = Array.from({ length: 200 }, (_, i) => i + 1).filter((n) => n !== 9);
  expect(seen).toEqual([...all.slice(0, 7), 77, ...all.slice(7)]);
});

test('what was released does not hide what is still in the queue, however much it is', async () => {
  const context = createContext();
  const queue = await DurableQueue.open(context, 'outbox', codec, limits);
  for (let n = 1; n <= 310; n++) {
    const { operation } = queue.append(n & 0xff);
    await context.store.batch([operation]);
    queue.confirm(n);
  }
  for (let n = 1; n <= 300; n++) queue.release(n);
  const numbers = async (of: DurableQueue<number>, limit: number) => (await of.read(0, limit)).map(({ n }) => n);
  const rest = [301, 302, 303, 304, 305, 306, 307, 308, 309, 310];
  expect(await numbers(queue, 256)).toEqual(rest);

  const again = await DurableQueue.open(context, 'outbox', codec, limits, 300);
  expect(await numbers(again, 256)).toEqual(rest);
  for (const n of [302, 303, 304]) again.release(n);
  expect(await numbers(again, 2)).toEqual([301, 305]);
  expect((await again.read(301, 2)).map(({ n }) => n)).toEqual([305, 306]);
});

test('an entry is found by its number where it lies, and not before it is durable or after it is gone', async () => {
  const context = createContext();
  const former = await DurableQueue.open(context, 'outbox', codec, limits);
  for (let n = 1; n <= 3; n++) await context.store.batch([former.append(n).operation]);
  const queue = await DurableQueue.open(context, 'outbox', codec, limits);
  const { n, operation } = queue.append(4);
  expect(await queue.find(n)).toBeUndefined();
  await context.store.batch([operation]);
  queue.confirm(n);
  expect(await queue.find(n)).toEqual(4);
  expect(await queue.find(2)).toEqual(2);
  // Another entry is not taken for it, and what stays in the store for somebody else is not in the queue.
  await context.store.batch([queue.remove(2)]);
  queue.release(3);
  expect([await queue.find(2), await queue.find(3)]).toEqual([undefined, undefined]);
});
