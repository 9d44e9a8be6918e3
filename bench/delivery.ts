/**
 * End to end, in processes of their own: a sender, the embedded broker, a receiver. What a message costs beside plain MQTT on
 * the same broker, and beside the bound that the cryptography sets.
 */
import { type ContenderName, type Line, makeKeys, type Qos } from './delivery/contenders.js';
import type { DeliveryOrders, Role } from './delivery/process.js';
import { opened, sealed } from './fixture.js';
import { type Result, sideBySide } from './measure.js';
import { type Process, start as startProcess } from './process.js';

const SIZES = [
  [100, '100 B'],
  [1024, '1 KiB'],
  [16_384, '16 KiB'],
] as const;

/**
 * Rounds in turns, the best of which counts, and messages of a round. Some thousand messages before that only warm up: while
 * the compiler is at work, whose threads count as well, a message costs half as much again.
 */
const WARM_UP = 3;
const ROUNDS = 3;
const COUNT = {
  ...{ plain: 20_000, 'one-shot': 3000, messenger: 6000, 'messenger-one-by-one': 2000 },
  ...{ room: 60_000, 'room-one-a-turn': 20_000 },
} satisfies Record<ContenderName, number>;

/** For latencies: messages, and milliseconds between them. */
const PACED = { count: 400, pace: 5 };

function start(role: Role): Promise<Process<DeliveryOrders>> {
  return startProcess(new URL('./delivery/process.ts', import.meta.url), role);
}

/** Processor time of a message in microseconds, by who spent it; all threads of a process together. */
type Spent = Readonly<Record<'sender' | 'broker' | 'receiver', number>>;

/** A sender or several, and a receiver. */
async function connect(contender: ContenderName, servers: Process<DeliveryOrders>, line: Line, senders = 1) {
  const receiver = await start({ kind: 'receive', contender, line });
  const names = Array.from({ length: senders }, (_, i) => `${contender}-${i}`);
  const sending = await Promise.all(names.map((name) => start({ kind: 'send', contender, line, name })));

  const cpu = async () => {
    const micros = async (processes: readonly Process<DeliveryOrders>[]) => {
      const answers = await Promise.all(processes.map((one) => one.ask('cpu', {})));
      return answers.reduce((sum, answer) => sum + answer.micros, 0);
    };
    return { sender: await micros(sending), broker: await micros([servers]), receiver: await micros([receiver]) };
  };

  /** Messages per second, their latencies in milliseconds, and what they cost. */
  const run = async (count: number, size: number, pace?: number) => {
    const each = Math.ceil(count / senders);
    const before = await cpu();
    const done = receiver.ask('await', { count: each * senders });
    const ask = { count: each, size, ...(pace !== undefined && { pace }) };
    const starts = await Promise.all(sending.map((sender) => sender.ask('send', ask)));
    const { last, latencies } = await done;
    const first = Math.min(...starts.map((answer) => answer.first));
    const after = await cpu();
    const spent = (who: keyof Spent) => (after[who] - before[who]) / (each * senders);
    return {
      perSecond: (1000 * each * senders) / (last - first),
      latencies,
      spent: { sender: spent('sender'), broker: spent('broker'), receiver: spent('receiver') } satisfies Spent,
    };
  };
  const close = () => Promise.all([receiver, ...sending].map((each) => each.ask('close', {})));
  return { run, close };
}

/** Messages per second of the best round, and what it cost. */
interface Throughput {
  readonly perSecond: number;
  readonly spent: Spent;
}

async function throughput(qos: Qos, size: number, names: readonly ContenderName[], senders = 1) {
  const best: Partial<Record<ContenderName, Throughput>> = {};
  const servers = await start({ kind: 'servers' });
  const { mqtt = '', http = '' } = servers.hello;
  const line = { mqtt, http, qos, keys: await makeKeys() };
  const connected: [ContenderName, Awaited<ReturnType<typeof connect>>][] = [];
  for (const name of names) connected.push([name, await connect(name, servers, line, senders)]);
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [name, { run }] of connected) {
      const { perSecond, spent } = await run(COUNT[name], size);
      if (round >= WARM_UP && perSecond > (best[name]?.perSecond ?? 0)) best[name] = { perSecond, spent };
    }
  }
  for (const [, { close }] of connected) await close();
  await servers.ask('close', {});
  return best as Record<ContenderName, Throughput>;
}

/** Messages per second. */
export async function delivery(): Promise<Result[]> {
  const results: Result[] = [];
  const add = (name: string, { perSecond }: Throughput, beside: string, other: Throughput) =>
    results.push({ name, value: perSecond, unit: 'msgs/s', beside, ratio: perSecond / other.perSecond });
  /** Where the rest goes: two cores do 2,000,000 of these a second. */
  const addSpent = (name: string, { spent }: Throughput) => {
    for (const who of ['sender', 'broker', 'receiver'] as const)
      results.push({ name: `${name}, processor time of the ${who}`, value: spent[who], unit: 'µs a message' });
  };
  for (const [size, label] of SIZES) {
    const bound = await cryptoBound(size);
    const none = await throughput(0, size, ['plain', 'one-shot', 'room', 'room-one-a-turn']);
    add(`room QoS 0 ${label}`, none.room, 'plain mqtt', none.plain);
    add(`room QoS 0 ${label}, one frame a turn`, none['room-one-a-turn'], 'plain mqtt', none.plain);
    add(`one-shot QoS 0 ${label}`, none['one-shot'], 'plain mqtt', none.plain);
    addSpent(`plain QoS 0 ${label}`, none.plain);
    addSpent(`room QoS 0 ${label}`, none.room);
    addSpent(`room QoS 0 ${label}, one frame a turn`, none['room-one-a-turn']);
    const once = await throughput(1, size, [
      ...(['plain', 'one-shot', 'messenger', 'messenger-one-by-one', 'room', 'room-one-a-turn'] as const),
    ]);
    add(`room QoS 1 ${label}`, once.room, 'plain mqtt', once.plain);
    add(`room QoS 1 ${label}, one frame a turn`, once['room-one-a-turn'], 'plain mqtt', once.plain);
    add(`one-shot QoS 1 ${label}`, once['one-shot'], 'plain mqtt', once.plain);
    add(`messenger QoS 1 ${label}`, once.messenger, 'plain mqtt', once.plain);
    add(`messenger QoS 1 ${label}`, once.messenger, 'crypto-bound', bound);
    add(`messenger QoS 1 ${label}, one by one`, once['messenger-one-by-one'], 'crypto-bound', bound);
    addSpent(`plain QoS 1 ${label}`, once.plain);
    addSpent(`one-shot QoS 1 ${label}`, once['one-shot']);
    addSpent(`messenger QoS 1 ${label}`, once.messenger);
  }
  const many = await throughput(1, 1024, ['plain', 'messenger'], 4);
  add('messenger QoS 1 1 KiB, 4 senders', many.messenger, 'plain mqtt', many.plain);
  return results;
}

/** One way, a message at a time. */
export async function latency(): Promise<Result[]> {
  const servers = await start({ kind: 'servers' });
  const { mqtt = '', http = '' } = servers.hello;
  const line: Line = { mqtt, http, qos: 1, keys: await makeKeys() };
  const taken = {} as Record<ContenderName, number[]>;
  for (const name of ['plain', 'messenger'] as const) {
    const { run, close } = await connect(name, servers, line);
    await run(500, 1024);
    taken[name] = (await run(PACED.count, 1024, PACED.pace)).latencies.sort((a, b) => a - b);
    await close();
  }
  await servers.ask('close', {});
  return [50, 99].map((percent) => {
    const [ours, theirs] = [taken.messenger, taken.plain].map(
      (all) => all[Math.floor((all.length * percent) / 100)] ?? 0,
    );
    const value = (ours as number) * 1000;
    return {
      name: `latency p${percent} 1 KiB`,
      value,
      unit: 'µs',
      beside: 'plain mqtt',
      ratio: value / ((theirs as number) * 1000),
    };
  });
}

/** Messages per second of the slower of seal and open on one core. */
async function cryptoBound(size: number): Promise<Throughput> {
  const payload = new Uint8Array(size).fill(65);
  const message = sealed(payload);
  const times = await sideBySide({ seal: () => sealed(payload), open: () => opened(message) });
  const perSecond = 1e6 / Math.max(times.seal, times.open);
  return { perSecond, spent: { sender: times.seal, broker: 0, receiver: times.open } };
}
