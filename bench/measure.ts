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
 */
export async function sideBySide<Name extends string>(
  works: Readonly<Record<Name, Work>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(works) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const calls = {} as Record<Name, number>;
  for (const name of names) calls[name] = await calibrate(works[name]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) times[name].push(await timed(works[name], calls[name]));
  }
  return Object.fromEntries(names.map((name) => [name, Math.min(...times[name])])) as Record<Name, number>;
}

/** Calls that take about a round; warms the code up on the way. */
async function calibrate(work: Work): Promise<number> {
  // Some thousand calls before the compiler has done what it will do.
  await timed(work, 200);
  await timed(work, Math.max(10, Math.ceil((WARM_UP_MS * 1000) / (await timed(work, 100)))));
  const each = await timed(work, 100);
  const calls = Math.max(10, Math.ceil((ROUND_MS * 1000) / each));
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
