/** Calls: how long until the first message, by each way, beside the bare WebRTC stack; both ends in this process. */
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Call } from '../../src/client/call/call.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import { Messenger } from '../../src/client/messenger.js';
import type { RtcConnection } from '../../src/ports/rtc.js';
import { createBroker, createKeyProvider } from '../../src/server/index.js';
import { coturnAvailable, startCoturn } from '../../test/peers/coturn.js';
import type { Result } from '../measure.js';

/** Calls by each way, of which the median counts, behind those that only warm up. */
const CONNECTS = 15;
const WARM_UP = 3;

/** Time from `call()` until the other side has the first message, in milliseconds. */
export async function connecting(): Promise<Result[]> {
  const bare = await typical(async () => {
    const line = await bareLine();
    line.left.send('ordered', Uint8Array.of(1));
    await line.arrived;
    return line.close;
  });
  const results: Result[] = [{ name: 'bare connection, first message', value: bare, unit: 'ms' }];
  const add = async (way: string, calls: CallOptions) => {
    const people = await openPeople(calls);
    const value = await typical(async () => {
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

/** The median of some durations in milliseconds; what `work` answers is done when nobody measures. */
async function typical(work: () => Promise<() => Promise<unknown>>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + CONNECTS; i++) {
    const start = performance.now();
    const close = await work();
    if (i >= WARM_UP) times.push(performance.now() - start);
    await close();
  }
  return times.sort((a, b) => a - b)[CONNECTS >> 1] as number;
}

/** Two connections of the stack, without anything of ours around them. */
interface BareLine {
  readonly left: RtcConnection;
  /** Resolves with the first message. */
  readonly arrived: Promise<void>;
  close(): Promise<unknown>;
}

async function bareLine(): Promise<BareLine> {
  const rtc = nodeDataChannelRtc();
  const connected = { left: () => {}, right: () => {} };
  const end = (side: 'left' | 'right', other: () => RtcConnection) =>
    rtc.create({
      ...{ iceServers: [], policy: 'all' },
      handlers: {
        // Behind the description, which is under way. Who answers needs none, and is not to be ready first: DTLS would lose a packet.
        candidate: (one) => void (side === 'right' && described.then(() => other().addCandidate(one))),
        state: (state) => state === 'connected' && connected[side](),
        message: () => arrive(),
        drained: () => {},
      },
    });
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
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
    arrived,
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
