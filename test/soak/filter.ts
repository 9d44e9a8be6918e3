/**
 * Measures how often a filter of ids is wrong when it is as large, as strict and as full as the default allows: a million ids in
 * each of two generations, of which one is the other's. `SEALMQ_MILLIONS` says how many strangers are asked for (40 unless given).
 */
import { IdFilter } from '../../src/protocol/registration/index.js';
import { mistakesOf, strangers } from '../registration/strangers.js';

const CAPACITY = 1_000_000;
const RATE = 1e-6;
const GENERATION = 1000;

const asked = Number(process.env.SEALMQ_MILLIONS ?? '40') * 1e6;
const filter = new IdFilter({ capacity: CAPACITY, falsePositives: RATE, generation: GENERATION }, 0);
for (const [series, at] of [
  [1, 0],
  [3, GENERATION],
] as const) {
  for (const digest of strangers(series, CAPACITY)) filter.add(digest, at);
}
const found = mistakesOf(filter, asked);
// What a rate of 10⁻⁶ stays below in all but three of a hundred thousand cases (four standard deviations).
const most = asked * RATE + 4 * Math.sqrt(asked * RATE);
process.stdout.write(
  `${filter.count} ids, ${asked} strangers: ${found} taken for known, ${(found / asked).toExponential(2)} (bound ${RATE})\n`,
);
if (found > most || found === 0) process.exitCode = 1;
