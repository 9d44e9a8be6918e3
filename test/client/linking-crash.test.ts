import { afterEach, expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { DeviceLinking } from '../../src/client/await-link.js';
import { Messenger } from '../../src/client/messenger.js';
import { isSealMQError } from '../../src/errors.js';
import type { Store } from '../../src/ports/store.js';
import { type Random, seededRandom } from '../../src/testing/seeded.js';
import { SimulatedBroker } from '../../src/testing/simulated-broker.js';
import { type VirtualTime, virtualTime } from '../../src/testing/virtual-time.js';
import { mortalStore } from '../simulation/mortal-store.js';
import { seededProvider } from '../simulation/seeded-provider.js';

let time: VirtualTime | undefined;
afterEach(() => time?.end());

/** When a process dies: at this write of its life, which took effect or did not. */
interface Fate {
  readonly write: number;
  readonly effective: boolean;
}

const SOON = 30_000;
const IMMORTAL: Fate = { write: Number.POSITIVE_INFINITY, effective: true };

/** Lives of messengers under virtual time, each on a store that outlives them. */
function stage(running: VirtualTime) {
  const broker = new SimulatedBroker();
  const clock = { now: () => Date.now() };
  const provider = seededProvider(1);
  const directory = staticDirectory({ provider, clock });

  /** What `work` resolves to; `undefined` when it never ends, as nothing does that waits for the dead. */
  const outcome = async <T>(work: Promise<T>): Promise<T | undefined> => {
    let settled = false;
    const done = work.finally(() => {
      settled = true;
    });
    done.catch(() => {});
    return (await running.passUntil(() => settled, SOON)) ? done : undefined;
  };
  const life = async (address: string, session: string, store: Store, { write, effective }: Fate) => {
    const random: Random = { ...seededRandom(1), chance: (likely) => likely >= 0.5 && effective };
    const transport = broker.create(session);
    let writes = 0;
    const process = mortalStore(store, random, write, () => {
      broker.interrupt(session);
      void transport.close();
    });
    const counted: Store = {
      ...process,
      batch(operations, options) {
        writes++;
        return process.batch(operations, options);
      },
    };
    return {
      options: { ...{ address, provider, clock, store: counted, broker: transport }, directory: await directory },
      writes: () => writes,
      isAlive: () => process.alive,
    };
  };
  return { broker, outcome, life, directory };
}

interface Run {
  readonly laptop: Fate;
  readonly phone: Fate;
}

/** The whole of a linking; the digits are the same, and somebody has looked. */
async function link(laptop: Messenger, linking: DeviceLinking<Messenger>): Promise<Messenger> {
  const request = await laptop.devices.link(linking.link, { timeout: 5000 });
  expect(await linking.digits).toBe(request.digits);
  await request.confirm();
  return linking.linked;
}

/** A device is linked; whoever dies is started again, and does what is left. @returns how many writes each life made */
async function linkOverDeaths(run: Run): Promise<{ laptop: number; phone: number }> {
  time = virtualTime();
  try {
    const { outcome, life, directory } = stage(time);
    const stores = { laptop: memoryStore(), phone: memoryStore() };
    const alice = (await outcome(
      Messenger.open((await life('alice', 'alice', memoryStore(), IMMORTAL)).options),
    )) as Messenger;
    await outcome(alice.register());
    const first = (await outcome(
      Messenger.open((await life('bob', 'laptop', stores.laptop, IMMORTAL)).options),
    )) as Messenger;
    await outcome(first.register());
    await outcome(first.close());

    const laptopLife = await life('bob', 'laptop', stores.laptop, run.laptop);
    let laptop = await outcome(Messenger.open(laptopLife.options));
    const phoneLife = await life('bob', 'phone', stores.phone, run.phone);
    let linking = await outcome(Messenger.link(phoneLife.options));
    let phone = laptop && linking && (await outcome(link(laptop, linking).catch(() => undefined)));
    const writes = { laptop: laptopLife.writes(), phone: phoneLife.writes() };

    // Whoever died is started again on what is left. The phone knows whether it has to be linked again.
    if (!laptopLife.isAlive() || !laptop) {
      laptop = (await outcome(
        Messenger.open((await life('bob', 'laptop', stores.laptop, IMMORTAL)).options),
      )) as Messenger;
      await outcome(laptop.register());
    }
    if (!phoneLife.isAlive() || !phone) {
      if (phoneLife.isAlive()) await outcome(linking?.cancel() ?? Promise.resolve());
      const { options } = await life('bob', 'phone', stores.phone, IMMORTAL);
      linking = await outcome(
        Messenger.link(options).catch((error) => {
          if (isSealMQError(error, 'USAGE_INVALID_ARGUMENT')) return undefined;
          throw error;
        }),
      );
      phone = linking
        ? await outcome(link(laptop, linking))
        : await outcome(Messenger.open((await life('bob', 'phone', stores.phone, IMMORTAL)).options));
    }
    if (!phone) throw new TypeError('the phone is not linked');

    // No half device: both, and nobody else, stand in the record, and have the keys that it names.
    const found = await (await directory).lookup('bob');
    expect(found.kind).toBe('record');
    expect(laptop.devices.list().map(({ id }) => id)).toEqual([laptop.deviceId, phone.deviceId]);
    const heard: string[] = [];
    for (const device of [laptop, phone]) device.on('message', ({ text }) => void heard.push(text));
    alice.on('message', ({ text }) => void heard.push(text));
    await outcome(
      (await outcome(alice.send('bob', 'to both')))?.delivered ?? Promise.reject(new TypeError('not sent')),
    );
    await outcome(phone.send('alice', 'from the phone'));
    await time.passUntil(() => heard.length === 4, SOON);
    // The laptop has a copy of what the phone sent.
    expect(heard.sort()).toEqual(['from the phone', 'from the phone', 'to both', 'to both']);
    for (const one of [alice, laptop, phone]) await outcome(one.close());
    return writes;
  } finally {
    time.end();
  }
}

test('a device is linked whichever side dies at whichever write: no half device, and the link can be made again', {
  timeout: 120_000,
}, async () => {
  const writes = await linkOverDeaths({ laptop: IMMORTAL, phone: IMMORTAL });
  expect(writes.laptop).toBeGreaterThan(3);
  expect(writes.phone).toBeGreaterThan(3);
  for (const side of ['laptop', 'phone'] as const) {
    for (let write = 0; write < writes[side]; write++) {
      for (const effective of [false, true]) {
        const run = { laptop: IMMORTAL, phone: IMMORTAL, [side]: { write, effective } };
        await linkOverDeaths(run).catch((error: Error) => {
          error.message = `${side} dies at write ${write}, ${effective ? 'which took' : 'without'} effect: ${error.message}`;
          throw error;
        });
      }
    }
  }
});
