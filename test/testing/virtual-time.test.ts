import { afterEach, expect, test } from 'vitest';
import { seededRandom } from '../../src/testing/seeded.js';
import { type VirtualTime, virtualTime } from '../../src/testing/virtual-time.js';

let time: VirtualTime | undefined;
afterEach(() => time?.end());

test('timers fire in the order of their times, within the time that passes', async () => {
  time = virtualTime(1_000_000);
  const fired: string[] = [];
  const note = (name: string) => fired.push(`${name} at ${Date.now() - 1_000_000}, ${performance.now()}`);
  setTimeout(note, 3000, 'late');
  setTimeout(note, 5, 'first');
  setTimeout(note, 5, 'second');
  const stopped = setTimeout(note, 6, 'never');
  const interval = setInterval(note, 1000, 'interval');
  setTimeout(() => void Promise.resolve().then(() => setTimeout(note, 1, 'after a promise')), 7);
  clearTimeout(stopped);
  await time.pass(2999);
  clearInterval(interval);
  expect(fired).toEqual([
    'first at 5, 5',
    'second at 5, 5',
    'after a promise at 8, 8',
    'interval at 1000, 1000',
    'interval at 2000, 2000',
  ]);
  expect(time.elapsed).toBe(2999);
  await time.pass(1);
  expect(fired.at(-1)).toBe('late at 3000, 3000');
});

test('time passes until something is the case, and no longer', async () => {
  time = virtualTime();
  let done = false;
  setTimeout(() => {
    done = true;
  }, 50);
  expect(await time.passUntil(() => done, 49)).toBe(false);
  expect(await time.passUntil(() => done, 3600_000)).toBe(true);
  expect(time.elapsed).toBe(50);
});

test('afterwards the platform has its own again', async () => {
  const before = [setTimeout, clearTimeout, setInterval, clearInterval, Date.now];
  const real = performance.now();
  const mine = virtualTime();
  expect(setTimeout).not.toBe(before[0]);
  mine.end();
  expect([setTimeout, clearTimeout, setInterval, clearInterval, Date.now]).toEqual(before);
  expect(performance.now()).toBeGreaterThanOrEqual(real);
});

test('there is one at a time', () => {
  time = virtualTime();
  expect(() => virtualTime()).toThrow(expect.objectContaining({ code: 'USAGE_CONSUMER_EXISTS' }));
  time.end();
  const next = virtualTime();
  // Its end is not that of the next one.
  time.end();
  expect(() => virtualTime()).toThrow(expect.objectContaining({ code: 'USAGE_CONSUMER_EXISTS' }));
  next.end();
});

test('a seed makes the same choices every time, and another seed others', () => {
  const choices = (seed: number) => {
    const random = seededRandom(seed);
    return [random.next(1000), random.pick(['a', 'b', 'c']), random.chance(0.5), ...random.bytes(8)];
  };
  expect(choices(7)).toEqual(choices(7));
  expect(choices(7)).not.toEqual(choices(8));
});
