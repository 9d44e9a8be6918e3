import { expect, test } from 'vitest';
import { createTurns } from '../../src/client/room/turns.js';

test('what waits for its turn is bounded in number and bytes, and goes in order', async () => {
  const done: number[] = [];
  const turns = createTurns(() => {});
  let go = (): void => {};
  const first = new Promise<void>((resolve) => {
    go = resolve;
  });
  expect(turns.take(() => first)).toBe(true);
  const take = (n: number, bytes: number) =>
    turns.take(() => {
      done.push(n);
      return undefined;
    }, bytes);
  const large = 256 * 1024;
  for (let n = 0; n < 256; n++) expect(take(n, large)).toBe(true);
  expect(take(-1, large)).toBe(false);
  for (let n = 256; n < 4096; n++) expect(take(n, 0)).toBe(true);
  expect(take(-1, 0)).toBe(false);
  const behind = turns.run(async () => done.length);
  go();
  expect(await behind).toBe(4096);
  expect(done).toEqual(Array.from({ length: 4096 }, (_, n) => n));
  expect(take(4096, large)).toBe(true);
});

test('a work that fails is told, and holds up nothing', async () => {
  const warnings: unknown[] = [];
  const turns = createTurns((error) => warnings.push(error));
  const fault = new TypeError('no');
  turns.take(() => Promise.reject(fault));
  expect(await turns.run(async () => 'next')).toBe('next');
  await expect(turns.run(() => Promise.reject(fault))).rejects.toBe(fault);
  expect(warnings).toEqual([fault]);
});
