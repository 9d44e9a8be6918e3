import { expect, test } from 'vitest';
import { storm } from './storm.js';

const SEEDS = 50;

test(`after a storm of joins, leaves and crashes every room converges, and no frame is silently missing (${SEEDS} seeds)`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    expect({ seed, problems: await storm(seed) }).toEqual({ seed, problems: [] });
}, 120_000);
