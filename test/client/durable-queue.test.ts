import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { DurableQueue } from '../../src/client/durable-queue.js';

const limits = { entries: 1000, bytes: 1 << 20 };

test('what lies in the store only is read in order, whatever is replaced or taken out meanwhile', async () => {
  const context = { store: memoryStore(), now: () => 0 };
  const first = await DurableQueue.open(context, 'opened', limits);
  for (let n = 1; n <= 200; n++) await context.store.batch([first.append(Uint8Array.of(n)).operation]);
  const queue = await DurableQueue.open(context, 'opened', limits);
  const seen: number[] = [];
  for (;;) {
    const [entry] = await queue.read(0, 1);
    if (!entry) break;
    seen.push(entry.value[0] as number);
    // The reader may write into what it was given.
    entry.value[0] = 0;
    if (entry.n === 7 && seen.length === 7) {
      await context.store.batch([queue.replace(7, Uint8Array.of(77)), queue.remove(9)]);
      continue;
    }
    await context.store.batch([queue.remove(entry.n)]);
  }
  const all = Array.from({ length: 200 }, (_, i) => i + 1).filter((n) => n !== 9);
  expect(seen).toEqual([...all.slice(0, 7), 77, ...all.slice(7)]);
});

test('what was released does not hide what is still in the queue, however much it is', async () => {
  const context = { store: memoryStore(), now: () => 0 };
  const queue = await DurableQueue.open(context, 'outbox', limits);
  for (let n = 1; n <= 310; n++) {
    const { operation } = queue.append(Uint8Array.of(n & 0xff));
    await context.store.batch([operation]);
    queue.confirm(n);
  }
  for (let n = 1; n <= 300; n++) queue.release(n);
  const numbers = async (of: DurableQueue, limit: number) => (await of.read(0, limit)).map(({ n }) => n);
  const rest = [301, 302, 303, 304, 305, 306, 307, 308, 309, 310];
  expect(await numbers(queue, 256)).toEqual(rest);

  const again = await DurableQueue.open(context, 'outbox', limits, 300);
  expect(await numbers(again, 256)).toEqual(rest);
  for (const n of [302, 303, 304]) again.release(n);
  expect(await numbers(again, 2)).toEqual([301, 305]);
  expect((await again.read(301, 2)).map(({ n }) => n)).toEqual([305, 306]);
});

test('an entry is found by its number where it lies, and not before it is durable or after it is gone', async () => {
  const context = { store: memoryStore(), now: () => 0 };
  const former = await DurableQueue.open(context, 'outbox', limits);
  for (let n = 1; n <= 3; n++) await context.store.batch([former.append(Uint8Array.of(n)).operation]);
  const queue = await DurableQueue.open(context, 'outbox', limits);
  const { n, operation } = queue.append(Uint8Array.of(4));
  expect(await queue.find(n)).toBeUndefined();
  await context.store.batch([operation]);
  queue.confirm(n);
  expect(await queue.find(n)).toEqual(Uint8Array.of(4));
  expect(await queue.find(2)).toEqual(Uint8Array.of(2));
  // Another entry is not taken for it, and what stays in the store for somebody else is not in the queue.
  await context.store.batch([queue.remove(2)]);
  queue.release(3);
  expect([await queue.find(2), await queue.find(3)]).toEqual([undefined, undefined]);
});
