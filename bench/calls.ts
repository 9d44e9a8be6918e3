/** Calls: how long until the first message, by each way, and how many messages a second, beside the bare WebRTC stack. */
import { nodeDataChannelRtc } from '../src/adapters/rtc/node-datachannel.js';
import { turnCredentials } from '../src/adapters/rtc/turn-credentials.js';
import { memoryStore } from '../src/adapters/store/memory-store.js';
import type { Call } from '../src/client/call/call.js';
import type { CallOptions } from '../src/client/call/settings.js';
import { Messenger } from '../src/client/messenger.js';
import type { RtcConnection } from '../src/ports/rtc.js';
import { createBroker, createKeyProvider } from '../src/server/index.js';
import { coturnAvailable, startCoturn } from '../test/peers/coturn.js';
import type { Result } from './measure.js';

/** Calls by each way, of which the fastest counts: a lost first packet of DTLS is sent again a second later, and says nothing of either. */
const CONNECTS = 9;

/** Rounds in turns, of which the best counts; bytes of each. */
const ROUNDS = 5;
const ROUND_BYTES = 32 * 1024 * 1024;
const MOST = 20_000;

const SIZES = [
  [1024, '1 KiB'],
  [16_384, '16 KiB'],
] as const;

/** Bytes that wait in the bare stack before its sender does: as many as in a call. */
const FULL = 1024 * 1024;

/** Time from `call()` until the other side has the first message, in milliseconds. */
export async function connecting(): Promise<Result[]> {
  const bare = await fastest(async () => {
    const line = await bareLine();
    const arrived = line.receive(1);
    line.left.send('ordered', Uint8Array.of(1));
    await arrived;
    return line.close;
  });
  const results: Result[] = [{ name: 'bare connection, first message', value: bare, unit: 'ms' }];
  const add = async (way: string, calls: CallOptions) => {
    const people = await openPeople(calls);
    const value = await fastest(async () => {
      const { a, b, close } = await people.connect();
      const arrived = b.messages().next();
      await a.send('first');
      await arrived;
      if (a.path !== way) throw new TypeError(`took the way ${a.path}`);
      return close;
    });
    await people.close();
    results.push({ name: `call, first message, ${way}`, value, unit: 'ms', beside: 'bare', ratio: value / bare });
  };
  await add('direct', { rtc: nodeDataChannelRtc() });
  if (coturnAvailable()) {
    const { host, port, secret, stop } = await startCoturn();
    const iceServers = async () => [await turnCredentials(`turn:${host}:${port}`, { secret })];
    await add('turn', { rtc: nodeDataChannelRtc(), iceServers, policy: 'relay' });
    await stop();
  }
  await add('mqtt', { rtc: false });
  return results;
}

/** Messages per second, one way, both ends in this process. */
export async function talking(): Promise<Result[]> {
  const line = await bareLine();
  const people = await openPeople({ rtc: nodeDataChannelRtc() });
  const { a, b, close } = await people.connect();
  const reading = b.messages();
  const results: Result[] = [];
  for (const [size, label] of SIZES) {
    const count = Math.min(MOST, ROUND_BYTES / size);
    const bytes = new Uint8Array(size).fill(65);
    const best = { bare: 0, call: 0 };
    for (let round = 0; round <= ROUNDS; round++) {
      const bare = await rate(count, () => sendBare(line, bytes, count));
      const call = await rate(count, () => sendOver(a, reading, bytes, count));
      // The first one warms up.
      if (round === 0) continue;
      best.bare = Math.max(best.bare, bare);
      best.call = Math.max(best.call, call);
    }
    const name = `call, ${label}`;
    results.push({ name, value: best.call, unit: 'msgs/s', beside: 'bare data channel', ratio: best.call / best.bare });
    results.push({ name: `${name}, bytes`, value: (best.call * size) / 1e6, unit: 'MB/s' });
  }
  await close();
  await people.close();
  await line.close();
  return results;
}

async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (1000 * count) / (performance.now() - start);
}

async function sendBare(line: BareLine, bytes: Uint8Array, count: number): Promise<void> {
  const arrived = line.receive(count);
  for (let i = 0; i < count; i++) {
    while (line.left.buffered('ordered') > FULL) await line.drained();
    line.left.send('ordered', bytes);
  }
  await arrived;
}

async function sendOver(a: Call, reading: ReturnType<Call['messages']>, bytes: Uint8Array, count: number) {
  const arrived = (async () => {
    for (let i = 0; i < count; i++) await reading.next();
  })();
  for (let i = 0; i < count; i++) await a.send(bytes);
  await arrived;
}

/** The shortest of some durations in milliseconds; what `work` answers is done when nobody measures. */
async function fastest(work: () => Promise<() => Promise<unknown>>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CONNECTS; i++) {
    const start = performance.now();
    const close = await work();
    times.push(performance.now() - start);
    await close();
  }
  return Math.min(...times);
}

/** Two connections of the stack, without anything of ours around them. */
interface BareLine {
  readonly left: RtcConnection;
  /** Until so many messages have come from now on. */
  receive(count: number): Promise<void>;
  /** Until there is room again. */
  drained(): Promise<void>;
  close(): Promise<unknown>;
}

async function bareLine(): Promise<BareLine> {
  const rtc = nodeDataChannelRtc();
  const waiting = { messages: 0, arrived: () => {}, drained: () => {} };
  const connected = { left: () => {}, right: () => {} };
  const end = (side: 'left' | 'right', other: () => RtcConnection) =>
    rtc.create({
      ...{ iceServers: [], policy: 'all' },
      handlers: {
        // Behind the description, which is under way.
        candidate: (candidate) => void described.then(() => other().addCandidate(candidate)),
        state: (state) => state === 'connected' && connected[side](),
        message: () => --waiting.messages === 0 && waiting.arrived(),
        drained: () => waiting.drained(),
      },
    });
  let describe = () => {};
  const described = new Promise<void>((resolve) => {
    describe = resolve;
  });
  const both = Promise.all(
    (['left', 'right'] as const).map(
      (side) =>
        new Promise<void>((resolve) => {
          connected[side] = resolve;
        }),
    ),
  );
  const left: RtcConnection = end('left', () => right);
  const right: RtcConnection = end('right', () => left);
  await left.accept(await right.answer(await left.offer()));
  describe();
  await both;
  return {
    left,
    receive(count) {
      waiting.messages = count;
      return new Promise((resolve) => {
        waiting.arrived = resolve;
      });
    },
    drained: () =>
      new Promise((resolve) => {
        waiting.drained = resolve;
      }),
    close: () => Promise.all([left.close(), right.close()]),
  };
}

/** Two who call each other. */
async function openPeople(calls: CallOptions) {
  const [broker, directory] = [await createBroker(), await createKeyProvider()];
  const open = async (address: string) => {
    const at = { address, broker: broker.mqttUrl as string, directory: directory.url, store: memoryStore() };
    const messenger = await Messenger.open({ ...at, calls });
    await messenger.register();
    return messenger;
  };
  const [alice, bob] = [await open('alice'), await open('bob')];
  return {
    async connect() {
      const taken = new Promise<Call>((resolve, reject) => {
        const stop = bob.on('call', (incoming) => {
          stop();
          incoming.accept().then(resolve, reject);
        });
      });
      const [a, b] = await Promise.all([alice.call('bob'), taken]);
      const close = async () => {
        await a.hangUp();
        await b.ended;
      };
      return { a, b, close };
    },
    close: () => Promise.all([alice, bob, broker, directory].map((one) => one.close())),
  };
}
