/**
 * Calls for a long time: `npm run soak:calls`. First who calls whom at the same time, thousands of times: `SEALMQ_MINUTES` says for how
 * long (5 unless given), `SEALMQ_FIRST` from which seed on; `SEALMQ_SEED` runs one seed alone. Then real calls one after the
 * other, `SEALMQ_CALLS` of them (200 unless given), and what they leave behind.
 */
import { callOneAfterTheOther, type Held } from '../call/many-calls.js';
import { simulateCalls } from '../call/simulation.js';

const { SEALMQ_SEED, SEALMQ_MINUTES = '5', SEALMQ_FIRST = '1000', SEALMQ_CALLS = '200' } = process.env;

/** Milliseconds between calls: frames are remembered for a while, and no more than a thousand of one sender. */
const PACE = 2_000;

/** Bytes a call may leave behind in the long run. */
const LEFT_BEHIND = 10_000;

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
  const half = Math.ceil(count / 2);
  const [before, after] = (await callOneAfterTheOther([half, count], PACE)) as [Held, Held];
  const growth = (after.heap - before.heap) / (count - half);
  print(`${count} calls: ${JSON.stringify({ before, after })}, ${Math.round(growth)} bytes of heap a call`);
  const same = (['resources', 'connections', 'filters', 'topics'] as const).every(
    (what) => after[what] <= before[what],
  );
  if (same && growth < LEFT_BEHIND) return;
  process.exitCode = 1;
  print('FAILED: something is left behind');
}
