/**
 * Messages of a call beside a bare data channel, one way, each end in a process of its own: how many a second, and what one costs
 * either end.
 */
import { createBroker, createKeyProvider } from 'sealmq/server';
import type { Result } from '../measure.js';
import { type Process, start as startProcess } from '../process.js';
import type { CallOrders, Role } from './process.js';

const SIZES = [
  [1024, '1 KiB'],
  [16_384, '16 KiB'],
] as const;

/** How often both ends are started anew: some processes are luckier than others, with and without a call. */
const STARTS = 4;

/** Rounds of each start in turns, the best of all counts behind those that only warm up; bytes and messages of each, at most. */
const WARM_UP = 2;
const ROUNDS = 5;
const ROUND_BYTES = 32 * 1024 * 1024;
const MOST = 20_000;

type Contender = 'bare' | 'call';

/** The best round: messages per second, and the processor time of one in microseconds, all threads of a process together. */
interface Throughput {
  readonly perSecond: number;
  readonly sender: number;
  readonly receiver: number;
}

/** Two processes that are connected, and the servers that this took. */
interface Ends {
  readonly sender: Process<CallOrders>;
  readonly receiver: Process<CallOrders>;
  close(): Promise<unknown>;
}

export async function talking(): Promise<Result[]> {
  const best = new Map<string, Partial<Record<Contender, Throughput>>>(SIZES.map(([, label]) => [label, {}]));
  for (let start = 0; start < STARTS; start++) await measure(best);
  return SIZES.flatMap(([size, label]) => table(label, size, best.get(label) as Record<Contender, Throughput>));
}

/** What is better than the best so far takes its place. */
async function measure(best: ReadonlyMap<string, Partial<Record<Contender, Throughput>>>): Promise<void> {
  const contenders: Record<Contender, Ends> = { bare: await bare(), call: await call() };
  for (const [size, label] of SIZES) {
    const count = Math.min(MOST, ROUND_BYTES / size);
    const found = best.get(label) ?? {};
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      for (const name of ['bare', 'call'] as const) {
        const throughput = await burst(contenders[name], count, size);
        if (round >= WARM_UP && throughput.perSecond > (found[name]?.perSecond ?? 0)) found[name] = throughput;
      }
    }
  }
  for (const { close } of Object.values(contenders)) await close();
}

function table(label: string, size: number, { bare, call }: Record<Contender, Throughput>): Result[] {
  const ratio = call.perSecond / bare.perSecond;
  const spent = (name: string, of: Throughput): Result[] =>
    (['sender', 'receiver'] as const).map((end) => {
      return { name: `${name}, ${label}, processor time of the ${end}`, value: of[end], unit: 'µs a message' };
    });
  return [
    { name: `call, ${label}`, value: call.perSecond, unit: 'msgs/s', beside: 'bare data channel', ratio },
    { name: `call, ${label}, bytes`, value: (call.perSecond * size) / 1e6, unit: 'MB/s' },
    ...spent('call', call),
    ...spent('bare data channel', bare),
  ];
}

async function burst({ sender, receiver }: Ends, count: number, size: number): Promise<Throughput> {
  const spent = async () => ({
    sender: (await sender.ask('cpu', {})).micros,
    receiver: (await receiver.ask('cpu', {})).micros,
  });
  const before = await spent();
  const start = performance.now();
  await Promise.all([receiver.ask('await', { count }), sender.ask('send', { count, size })]);
  const perSecond = (1000 * count) / (performance.now() - start);
  const after = await spent();
  return {
    perSecond,
    sender: (after.sender - before.sender) / count,
    receiver: (after.receiver - before.receiver) / count,
  };
}

/** A data channel whose descriptions we carry. */
async function bare(): Promise<Ends> {
  const [sender, receiver] = await Promise.all([start({ kind: 'bare' }), start({ kind: 'bare' })]);
  const offer = await sender.ask('describe', {});
  await sender.ask('accept', { theirs: await receiver.ask('describe', { theirs: offer }) });
  return { sender, receiver, close: () => Promise.all([sender.ask('close', {}), receiver.ask('close', {})]) };
}

async function call(): Promise<Ends> {
  const [broker, directory] = [await createBroker(), await createKeyProvider()];
  const servers = { mqtt: broker.mqttUrl as string, http: directory.url };
  const receiver = await start({ kind: 'callee', ...servers });
  const sender = await start({ kind: 'caller', ...servers });
  const close = async () => {
    for (const end of [sender, receiver]) await end.ask('close', {});
    for (const server of [broker, directory]) await server.close();
  };
  return { sender, receiver, close };
}

function start(role: Role): Promise<Process<CallOrders>> {
  return startProcess(new URL('./process.ts', import.meta.url), role);
}
