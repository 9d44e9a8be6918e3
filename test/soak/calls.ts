/**
 * Calls for a long time: `npm run soak:calls`. First who calls whom at the same time, thousands of times: `SEALMQ_MINUTES` says for how
 * long (5 unless given), `SEALMQ_FIRST` from which seed on; `SEALMQ_SEED` runs one seed alone. Then real calls one after the
 * other, `SEALMQ_CALLS` of them (240 unless given), and what they leave behind.
 */
import { callOneAfterTheOther, type Held } from '../call/many-calls.js';
import { simulateCalls } from '../call/simulation.js';

const { SEALMQ_SEED, SEALMQ_MINUTES = '5', SEALMQ_FIRST = '1000', SEALMQ_CALLS = '240' } = process.env;

/** Milliseconds between calls: no more than one dial a second is heard of one caller, but for the first ones. */
const PACE = 1_000;

/** Looks at what is held, at equal distances; up to the third one the engine is still compiling. */
const LOOKS = 6;
const WARM = 3;

/** Bytes a call may leave behind: collections alone make some 2,000 of difference. */
const LEFT_BEHIND = 5_000;

const print = (line: string) => process.stdout.write(`${line}\n`);

process.on('unhandledRejection', (error) => {
  print(`unhandled rejection: ${error}`);
  process.exitCode = 1;
});

const end = process.hrtime.bigint() + BigInt(Math.round(Number(SEALMQ_MINUTES) * 60_000)) * 1_000_000n;
let [runs, calls, failed] = [0, 0, 0];
const first = Number(SEALMQ_SEED ?? SEALMQ_FIRST);
for (let seed = first; ; seed++) {
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
print(`seeds ${first} to ${first + runs - 1}: ${runs} runs, ${calls} of which ended in a call, ${failed} failed`);
if (SEALMQ_SEED === undefined && Number(SEALMQ_CALLS) > 0) await manyCalls(Number(SEALMQ_CALLS));

async function manyCalls(count: number): Promise<void> {
  const each = Math.ceil(count / LOOKS);
  const looks = await callOneAfterTheOther(
    Array.from({ length: LOOKS }, (_, i) => (i + 1) * each),
    PACE,
  );
  for (const [i, held] of looks.entries()) print(`${(i + 1) * each} calls: ${JSON.stringify(held)}`);
  const [before, after] = [looks[WARM - 1], looks.at(-1)] as [Held, Held];
  const growth = (after.heap - before.heap) / (each * (LOOKS - WARM));
  print(`${Math.round(growth)} bytes of heap a call, from the ${WARM * each}th on`);
  const same = (['resources', 'connections', 'filters', 'topics'] as const).every(
    (what) => after[what] <= before[what],
  );
  if (same && growth < LEFT_BEHIND) return;
  process.exitCode = 1;
  print('FAILED: something is left behind');
}
