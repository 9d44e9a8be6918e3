import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createFrameQueue, type FrameQueue } from '../../src/client/room/frame-queue.js';

const frame = (n: number) => ({ from: 'alice', device: 'd', bytes: Uint8Array.of(n & 0xff, n >> 8) });
const numberOf = ({ bytes }: { bytes: Uint8Array }) => (bytes[0] as number) + 256 * (bytes[1] as number);

test('frames come in order, whether or not somebody waits; the loop ends behind the last one', async () => {
  const queue = createFrameQueue();
  const seen: number[] = [];
  const loop = (async () => {
    for await (const one of queue.frames()) seen.push(numberOf(one));
  })();
  for (let n = 0; n < 20_000; n++) {
    expect(queue.put(frame(n))).toEqual([]);
    // The loop is never quite through: what was taken out must not be kept for that.
    if (n % 7 === 6) await Promise.resolve();
    if (n % 3000 === 2999) await new Promise((resolve) => setTimeout(resolve));
  }
  queue.close();
  await loop;
  expect(seen).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
});

test('the oldest frames make room when nobody takes them', async () => {
  const queue = createFrameQueue();
  const out = Array.from({ length: 5000 }, (_, n) => queue.put(frame(n))).flat();
  expect(out.map(numberOf)).toEqual(Array.from({ length: 5000 - 4096 }, (_, n) => n));
  const first = await queue.frames().next();
  expect(first.done === false && numberOf(first.value)).toBe(5000 - 4096);
});

test('the oldest frames make room when those that wait are too many bytes, as many as it takes', () => {
  const queue = createFrameQueue();
  const large = { from: 'alice', device: 'd', bytes: new Uint8Array(32 << 20) };
  expect([frame(0), frame(1), large].flatMap((one) => queue.put(one))).toEqual([]);
  expect(queue.put(large).map(numberOf)).toEqual([0, 1]);
  expect(queue.put(frame(2))).toEqual([large]);
});

test('a frame that was taken out, or made room, is not kept in memory while others wait', async () => {
  const queue = createFrameQueue();
  const kept = putIn(queue, 4_200);
  const loop = queue.frames();
  for (let n = 0; n < 200; n++) await loop.next();
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const alive = () => kept.slice(0, 250).filter((one) => one.deref() !== undefined).length;
  for (let turn = 0; turn < 20 && alive() > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
  expect(alive()).toBe(0);
  expect((await loop.next()).done).toBe(false);
});

test('one loop at a time; who leaves his frees the place and loses nothing, and everybody who waits is told of the end', async () => {
  const queue = createFrameQueue();
  for (const n of [1, 2, 3]) queue.put(frame(n));
  for await (const one of queue.frames()) {
    expect(numberOf(one)).toBe(1);
    expect(() => queue.frames()).toThrow(expect.objectContaining({ code: 'USAGE_CONSUMER_EXISTS' }));
    break;
  }
  const loop = queue.frames();
  const results = Promise.all([loop.next(), loop.next(), loop.next(), loop.next()]);
  queue.put(frame(4));
  queue.close();
  expect((await results).map(({ done, value }) => done || numberOf(value))).toEqual([2, 3, 4, true]);
  expect(await loop.next()).toMatchObject({ done: true });
  expect(await queue.frames().next()).toMatchObject({ done: true });
});

function putIn(queue: FrameQueue, count: number): WeakRef<object>[] {
  const frames = Array.from({ length: count }, (_, n) => frame(n));
  for (const one of frames) queue.put(one);
  return frames.map((one) => new WeakRef(one));
}
