import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { IncomingCall } from '../../src/client/call/call.js';
import type { CallPath } from '../../src/client/call/way.js';
import { Messenger } from '../../src/client/messenger.js';
import type { Transport } from '../../src/ports/transport.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import { type BreakableRtc, breakable } from './breakable.js';

/** What two messengers hold at a moment. */
export interface Held {
  /** Bytes of JavaScript objects, after a collection. */
  readonly heap: number;
  /** Sockets, timers and so on that keep the process alive. */
  readonly resources: number;
  /** WebRTC connections that are not closed. */
  readonly connections: number;
  /** How many calls had a direct way, and frames that were passed over, so far. */
  readonly direct: number;
  readonly rejected: number;
  /** Filters that are subscribed to, and topics that were ever published to. */
  readonly filters: number;
  readonly topics: number;
}

/**
 * Makes calls one after the other, with a message in each, which now one side ends and now the other.
 *
 * @param samples - after how many calls to look at what is held; the last one ends it
 * @param pace - milliseconds from one call to the next, at least
 */
export async function callOneAfterTheOther(samples: readonly number[], pace = 0): Promise<Held[]> {
  const [broker, directory] = [await createBroker(), await createKeyProvider()];
  const rtc = breakable(nodeDataChannelRtc());
  const [filters, topics] = [new Set<string>(), new Set<string>()];
  const counts = { direct: 0, rejected: 0 };
  const open = async (address: string) => {
    const transport = counted(broker.mqttUrl as string, address, filters, topics);
    const options = {
      address,
      broker: transport,
      directory: directory.url,
      store: memoryStore(),
    };
    const messenger = await Messenger.open({
      ...options,
      calls: { rtc, fallbackAfter: 60_000 },
    });
    await messenger.register();
    messenger.on('rejected', () => counts.rejected++);
    return messenger;
  };
  const [alice, bob] = [await open('alice'), await open('bob')];
  const taken: Held[] = [];
  try {
    for (let i = 1; i <= Math.max(...samples); i++) {
      const next = new Promise((resolve) => setTimeout(resolve, pace));
      if ((await callOnce(alice, bob, i)) === 'direct') counts.direct++;
      await next;
      const sizes = { filters: filters.size, topics: topics.size };
      if (samples.includes(i)) taken.push({ ...(await held(rtc, taken[0])), ...sizes, ...counts });
    }
    return taken;
  } finally {
    await Promise.all([alice.close(), bob.close()]);
    await Promise.all([broker.close(), directory.close()]);
  }
}

async function callOnce(alice: Messenger, bob: Messenger, i: number): Promise<CallPath | undefined> {
  const [caller, callee] = i % 3 === 0 ? [bob, alice] : [alice, bob];
  const over = new Promise((resolve, reject) => {
    const stop = callee.on('call', (incoming) => {
      stop();
      answer(incoming).then(resolve, reject);
    });
  });
  const call = await caller.call(callee.address);
  await call.send(`call ${i}`);
  for await (const { text } of call.messages()) {
    if (text !== `call ${i}, too`) throw new RangeError(`heard ${text} in call ${i}`);
    break;
  }
  const { path } = call;
  await call.hangUp();
  await over;
  return path;
}

async function answer(incoming: IncomingCall): Promise<void> {
  const call = await incoming.accept();
  for await (const { text } of call.messages()) await call.send(`${text}, too`);
  await call.ended;
}

function counted(broker: string, clientId: string, filters: Set<string>, topics: Set<string>): Transport {
  const inner = mqttTransport({ broker, clientId });
  return {
    ...inner,
    async open(first, handlers) {
      await inner.open(first, handlers);
      for (const filter of first) filters.add(`${clientId} ${filter}`);
    },
    async subscribe(some) {
      await inner.subscribe(some);
      for (const filter of some) filters.add(`${clientId} ${filter}`);
    },
    async unsubscribe(some) {
      await inner.unsubscribe(some);
      for (const filter of some) filters.delete(`${clientId} ${filter}`);
    },
    publish(topic, ...rest) {
      topics.add(topic);
      return inner.publish(topic, ...rest);
    },
  };
}

/** Milliseconds that what is being closed may take. */
const PATIENCE = 10_000;

/** What is held once connections are closed and, where there is a measure, no more than that is alive. */
async function held(
  rtc: BreakableRtc,
  before: Held | undefined,
): Promise<Pick<Held, 'heap' | 'resources' | 'connections'>> {
  const alive = () => process.getActiveResourcesInfo().length;
  const end = performance.now() + PATIENCE;
  const settled = () => rtc.open === 0 && (!before || alive() <= before.resources);
  while (!settled() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  return { heap: collectedHeap(), resources: alive(), connections: rtc.open };
}

function collectedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
