import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import { createRelay } from '../../src/server/relay/relay.js';
import { type VictimBroker, victim } from '../crash/processes.js';

/** How a run goes. */
export interface RelayCrash {
  readonly handIns: number;
  readonly startBroker: (folder: string) => Promise<VictimBroker>;
}

/** What came of it: for each receiver the texts that it was handed, in this order. */
export interface RelayCrashOutcome {
  readonly received: Readonly<Record<string, readonly string[]>>;
  /** Outcomes of copies, all hand-ins together. */
  readonly accepted: number;
  readonly refused: number;
}

const RECEIVERS = ['bob', 'carol', 'dave', 'erin', 'frank'];

/** Receivers that come back when all is handed in. */
const AWAY = ['erin', 'frank'];

/** Two instances of a relay, in processes of their own; one is killed when half of the messages are handed in, and stays dead. */
export async function relayCrash({ handIns, startBroker }: RelayCrash): Promise<RelayCrashOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-relay-'));
  await mkdir(join(folder, 'broker'));
  const directory = await createKeyProvider({ limits: { reads: false } });
  const broker = await startBroker(join(folder, 'broker'));
  await broker.start();
  const keys = join(folder, 'relay.keys');
  await publishKeys(directory, broker.url, keys);
  const instances = [1, 2].map(() => victim('../relay/relay-process.ts', [broker.url, directory.url, keys]));
  const open: Messenger[] = [];
  const join_ = async (address: string, store = memoryStore()) => {
    const messenger = await Messenger.open({
      address,
      store,
      broker: broker.url,
      directory: directory.url,
      timing: { handInAgainAfter: 300 },
    });
    open.push(messenger);
    await messenger.register();
    return messenger;
  };
  const stores = new Map(AWAY.map((address) => [address, keptStore()]));
  const received: Record<string, string[]> = {};
  const listen = (messenger: Messenger) => {
    const texts: string[] = [];
    received[messenger.address] = texts;
    messenger.on('message', async ({ text }) => void texts.push(text));
  };
  try {
    await Promise.all(instances.map((instance) => instance.start()));
    for (const address of RECEIVERS) {
      const messenger = await join_(address, stores.get(address));
      if (stores.has(address)) await messenger.close();
      else listen(messenger);
    }
    const alice = await join_('alice');
    let accepted = 0;
    let refused = 0;
    let settled = 0;
    const settledAll: Promise<void>[] = [];
    for (let n = 0; n < handIns; n++) {
      const { outcomes } = await alice.send(RECEIVERS, String(n));
      settledAll.push(
        outcomes.then((all) => {
          settled++;
          for (const { kind } of all) kind === 'accepted' ? accepted++ : refused++;
        }),
      );
    }
    while (settled < handIns / 2) await sleep(5);
    await instances[0]?.kill();
    await Promise.all(settledAll);
    for (const address of AWAY) listen(await join_(address, stores.get(address)));
    const isMissing = () => RECEIVERS.some((address) => new Set(received[address]).size < handIns);
    while (isMissing()) await sleep(20);
    // What came twice would come by now.
    await Promise.all(open.map((messenger) => messenger.close()));
    return { received, accepted, refused };
  } finally {
    for (const messenger of open) await messenger.close();
    for (const one of [...instances, broker]) await one.kill();
    await directory.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes the keys that both instances have, and the record that the directory has. */
async function publishKeys(directory: Awaited<ReturnType<typeof createKeyProvider>>, broker: string, path: string) {
  const maker = await createRelay({ broker, directory: directory.url });
  await writeFile(path, await maker.exportKeys('relay'));
  await directory.publishRelay(maker.record);
  await maker.close();
}

/** A store that outlives the messenger that it is given to. */
function keptStore() {
  return { ...memoryStore(), close: async () => {} };
}
