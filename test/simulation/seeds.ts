import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type Size, simulate } from './simulate.js';

/** Small enough for a hundred runs in a test. */
export const SIZE: Size = { actors: 20, messages: 60, minutes: 6 };

/** Seeds in one test. */
const STEP = 10;

/**
 * Milliseconds for one test, which takes ten to thirty seconds: time in it is virtual, so this only ends what would never end, and a
 * machine that stands still for minutes is no fault of ours.
 */
const PATIENCE = 1_200_000;

/** Bytes that may stay behind of all runs but the first ones: a run of 20 actors that is not let go weighs some 6 MiB. */
const LEFT_BEHIND = 48 << 20;

/** Tests that run the seeds `first` to `last`. A seed that fails is run again by `SEALMQ_SEED=… npm run soak`. */
export function testSeeds(first: number, last: number): void {
  let warm: number | undefined;
  for (let from = first; from <= last; from += STEP) {
    const to = Math.min(from + STEP - 1, last);
    test(`seeds ${from} to ${to}: every message is handled once, or reported missing`, {
      timeout: PATIENCE,
    }, async () => {
      for (let seed = from; seed <= to; seed++) {
        const { problems } = await simulate(seed, SIZE);
        expect({ seed, problems }).toEqual({ seed, problems: [] });
      }
      warm ??= heap();
    });
  }
  test('no run leaves its actors behind in memory, the living or the dead', () => {
    expect(heap() - (warm ?? 0)).toBeLessThan(LEFT_BEHIND);
  });
}

/** Bytes in use after a collection. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
