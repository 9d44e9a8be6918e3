/**
 * Storms in rooms for a long time: `npm run soak:rooms`. `SEALMQ_SEED` runs one seed, `SEALMQ_SEEDS` says how many (2,000 unless
 * given) from `SEALMQ_FIRST` on (1). Before the first seed of all comes a room of 500 behind a broker that stalls.
 */
import { stall, storm } from '../room/storm.js';

const { SEALMQ_SEED, SEALMQ_SEEDS = '2000', SEALMQ_FIRST = '1' } = process.env;
const STORM = 15_000;
const print = (line: string) => process.stdout.write(`${line}\n`);

function report(what: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  process.exitCode = 1;
  print(`FAILED: ${what}`);
  for (const problem of problems.slice(0, 10)) print(`  ${problem}`);
}

if (SEALMQ_SEED !== undefined) report(`SEALMQ_SEED=${SEALMQ_SEED}`, await storm(Number(SEALMQ_SEED), STORM));
else {
  const first = Number(SEALMQ_FIRST);
  if (first === 1) {
    report('a stall with 500 members', await stall(500));
    print('a stall with 500 members: done');
  }
  for (let run = 1; run <= Number(SEALMQ_SEEDS); run++) {
    const seed = first + run - 1;
    report(`SEALMQ_SEED=${seed} npm run soak:rooms`, await storm(seed, STORM));
    if (run % 20 === 0) print(`${run} storms, the last ${seed}`);
  }
}
