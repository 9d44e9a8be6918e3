import { expect, test } from 'vitest';
import { simulateCalls } from './simulation.js';

/** Seeds in CI; thousands more by `npm run soak:calls`. */
const SEEDS = 50;

test('who calls whom at the same time, over a bad network, ends in one call or in none', {
  timeout: 120_000,
}, async () => {
  let [calls, direct] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await simulateCalls(seed);
    expect({ seed, problems: outcome.problems }).toEqual({ seed, problems: [] });
    calls += outcome.calls;
    direct += outcome.direct;
  }
  // Without calls there would be nothing to agree on.
  expect(calls).toBeGreaterThan(SEEDS / 4);
  expect(direct).toBeGreaterThan(SEEDS / 10);
});
