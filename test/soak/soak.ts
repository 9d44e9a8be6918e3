/**
 * Runs the simulation for a long time: `npm run soak`; or crash rounds with real processes: `npm run soak crash`.
 * `SEALMQ_MINUTES` says for how long (10 unless given), `SEALMQ_FIRST` from which seed on. `SEALMQ_SEED` runs one seed of the
 * simulation alone, and tells all that is known of it.
 */
import { cpus } from 'node:os';
import { crashRun } from '../crash/crash-run.js';
import { embeddedBroker, mosquittoBroker } from '../crash/processes.js';
import { mosquittoAvailable } from '../peers/mosquitto.js';
import { freePort } from '../peers/programs.js';
import { SIZE } from '../simulation/seeds.js';
import { type Outcome, simulate } from '../simulation/simulate.js';

const MIB = 1 << 20;

const { SEALMQ_SEED, SEALMQ_MINUTES = '10', SEALMQ_FIRST = '1000' } = process.env;
const print = (line: string) => process.stdout.write(`${line}\n`);

process.on('unhandledRejection', (error) => {
  print(`unhandled rejection: ${error}`);
  process.exitCode = 1;
});

if (process.argv[2] === 'crash') await crash(Number(SEALMQ_FIRST), Number(SEALMQ_MINUTES) * 60_000);
else if (SEALMQ_SEED !== undefined) report(await simulate(Number(SEALMQ_SEED), SIZE), true);
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

/** Rounds on the embedded broker and on Mosquitto in turn; every other one of each loses its data. */
async function crash(first: number, duration: number): Promise<void> {
  const brokers = [
    async (folder: string) => embeddedBroker(folder, await freePort()),
    ...(mosquittoAvailable() ? [(dataDir: string) => mosquittoBroker({ dataDir })] : []),
  ];
  const end = performance.now() + duration;
  for (let seed = first; performance.now() < end; seed++) {
    const startBroker = brokers[seed % brokers.length] as (typeof brokers)[number];
    const amnesia = Math.floor(seed / brokers.length) % 2 === 1;
    const outcome = await crashRun({ seed, messages: 2000, kills: 9, amnesia, startBroker });
    if (outcome.problems.length > 0) process.exitCode = 1;
    print(`seed ${seed}, broker ${seed % brokers.length}, amnesia ${amnesia}: ${JSON.stringify(outcome)}`);
  }
}
