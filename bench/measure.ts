import { cpus } from 'node:os';

/** One line of results: `ratio` is this value beside the other's, in the same run. */
export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly beside?: string;
  readonly ratio?: number;
}

/** Something to measure: does its work once. */
export type Work = () => unknown | Promise<unknown>;

const ROUNDS = 15;
const ROUND_MS = 120;
const WARM_UP_MS = 800;

/**
 * Microseconds per call of each contender, measured in turns (A B C, A B C, …) so that whatever else the machine does hits
 * all of them alike; the best of the rounds, since other load only ever adds.
 *
 * @param perCall - how often a call does what is measured: work that comes in batches needs fewer calls to warm up
 */
export async function sideBySide<Name extends string>(
  works: Readonly<Record<Name, Work>>,
  perCall = 1,
): Promise<Record<Name, number>> {
  const names = Object.keys(works) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const calls = {} as Record<Name, number>;
  for (const name of names) calls[name] = await calibrate(works[name], perCall);
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) times[name].push(await timed(works[name], calls[name]));
  }
  return Object.fromEntries(names.map((name) => [name, Math.min(...times[name])])) as Record<Name, number>;
}

/** Calls that take about a round; warms the code up on the way. */
async function calibrate(work: Work, perCall: number): Promise<number> {
  const some = (times: number) => Math.ceil(times / perCall);
  const lasting = (ms: number, each: number) => Math.max(some(10), Math.ceil((ms * 1000) / each));
  // Some thousand calls before the compiler has done what it will do.
  await timed(work, some(200));
  await timed(work, lasting(WARM_UP_MS, await timed(work, some(100))));
  const calls = lasting(ROUND_MS, await timed(work, some(100)));
  await timed(work, calls);
  return calls;
}

/** Microseconds per call. Synchronous work is not awaited: a microtask would count as its own. */
async function timed(work: Work, calls: number): Promise<number> {
  const start = process.hrtime.bigint();
  const first = work();
  if (first instanceof Promise) {
    await first;
    for (let i = 1; i < calls; i++) await work();
  } else {
    for (let i = 1; i < calls; i++) work();
  }
  return Number(process.hrtime.bigint() - start) / 1000 / calls;
}

/** What the figures were measured on. */
export function machine(): string {
  const [cpu] = cpus();
  return `${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${process.platform}`;
}
