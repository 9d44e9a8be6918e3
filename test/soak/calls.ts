/**
 * Who calls whom at the same time, thousands of times: `npm run soak:calls`. `SEALMQ_MINUTES` says for how long (5 unless given),
 * `SEALMQ_FIRST` from which seed on; `SEALMQ_SEED` runs one seed alone.
 */
import { simulateCalls } from '../call/simulation.js';

const { SEALMQ_SEED, SEALMQ_MINUTES = '5', SEALMQ_FIRST = '1000' } = process.env;
const print = (line: string) => process.stdout.write(`${line}\n`);

process.on('unhandledRejection', (error) => {
  print(`unhandled rejection: ${error}`);
  process.exitCode = 1;
});

const end = process.hrtime.bigint() + BigInt(Math.round(Number(SEALMQ_MINUTES) * 60_000)) * 1_000_000n;
let [runs, calls, failed] = [0, 0, 0];
for (let seed = Number(SEALMQ_SEED ?? SEALMQ_FIRST); ; seed++) {
  const outcome = await simulateCalls(seed);
  runs++;
  calls += outcome.calls;
  if (outcome.problems.length > 0) {
    failed++;
    process.exitCode = 1;
    print(`FAILED: SEALMQ_SEED=${seed} npm run soak:calls\n  ${outcome.problems.join('\n  ')}`);
  }
  if (SEALMQ_SEED !== undefined || process.hrtime.bigint() > end) break;
}
print(`${runs} runs, ${calls} of which ended in a call, ${failed} failed`);
