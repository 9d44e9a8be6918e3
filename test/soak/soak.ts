/**
 * Runs the simulation for a long time: `npm run soak`. `SEALMQ_MINUTES` says for how long (10 unless given), `SEALMQ_SEED` runs
 * one seed alone, with all that is known of it.
 */
import { cpus } from 'node:os';
import { SIZE } from '../simulation/seeds.js';
import { type Outcome, simulate } from '../simulation/simulate.js';

const MIB = 1 << 20;

const { SEALMQ_SEED, SEALMQ_MINUTES = '10', SEALMQ_FIRST = '1000' } = process.env;
const print = (line: string) => process.stdout.write(`${line}\n`);

process.on('unhandledRejection', (error) => {
  print(`unhandled rejection: ${error}`);
  process.exitCode = 1;
});

if (SEALMQ_SEED !== undefined) report(await simulate(Number(SEALMQ_SEED), SIZE), true);
else await soak(Number(SEALMQ_FIRST), Number(SEALMQ_MINUTES) * 60_000);

function report(outcome: Outcome, always = false): void {
  if (outcome.problems.length > 0) {
    process.exitCode = 1;
    print(`FAILED: SEALMQ_SEED=${outcome.seed} npm run soak`);
    for (const problem of outcome.problems) print(`  ${problem}`);
  }
  if (!always) return;
  const { problems, mischief, rejections, ...figures } = outcome;
  print(JSON.stringify({ ...figures, problems: problems.length, ...Object.fromEntries([...mischief, ...rejections]) }));
}

async function soak(first: number, duration: number): Promise<void> {
  const totals = { runs: 0, failed: 0, messages: 0, lives: 0, mischief: 0, rejections: 0 };
  const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
  const heaps: number[] = [];
  const end = process.hrtime.bigint() + BigInt(duration) * 1_000_000n;
  for (let seed = first; process.hrtime.bigint() < end; seed++) {
    const outcome = await simulate(seed, SIZE);
    report(outcome);
    totals.runs++;
    totals.failed += Number(outcome.problems.length > 0);
    totals.messages += outcome.posted;
    totals.lives += outcome.lives;
    totals.mischief += sum(outcome.mischief);
    totals.rejections += sum(outcome.rejections);
    if (totals.runs % 100 !== 0) continue;
    globalThis.gc?.();
    heaps.push(Math.round(process.memoryUsage().heapUsed / MIB));
    print(`${totals.runs} runs, ${totals.failed} failed, ${heaps.at(-1)} MiB of heap`);
  }
  print(`machine: Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}`);
  print(`seeds ${first} to ${first + totals.runs - 1}: ${JSON.stringify(totals)}, heap in MiB ${heaps.join(' ')}`);
}
