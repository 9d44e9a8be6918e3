import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import { type Random, seededRandom } from '../../src/testing/seeded.js';
import { type Autopsy, examine, readHandings } from './autopsy.js';
import { checkRun } from './check.js';
import { type Victim, type VictimBroker, victim } from './processes.js';
import { readJournal, type Task } from './task.js';
import { recordWire } from './wire.js';

/** How a run goes. */
export interface CrashPlan {
  readonly seed: number;
  readonly messages: number;
  readonly kills: number;
  /** Whether the broker loses everything in the middle, while the receiver is away. */
  readonly amnesia?: boolean;
  /** What the receiver does; default `soon`. */
  readonly settle?: 'soon' | 'each';
  /** In a folder of the run. */
  readonly startBroker: (folder: string) => Promise<VictimBroker>;
}

/** What came of it. */
export interface CrashOutcome {
  readonly problems: readonly string[];
  readonly kills: Readonly<Record<string, number>>;
  /** How often the sender was killed that had begun and was not through. */
  readonly interrupted: number;
  readonly handled: number;
  /** Messages that were handed over again since nobody had recorded that their handler was through. */
  readonly repeated: number;
  /** Messages whose completion a receiver had recorded when it was killed. */
  readonly completed: number;
  readonly onTheWire: number;
}

/** Milliseconds between two kills, and before the dead come back, at most. */
const QUIET = 700;
const AWAY = 300;
/** Messages that are to be lost with the broker's data, at least. */
const QUEUE = 300;

/** One run: a sender, a receiver and a broker, each in a process of its own, die at random moments until all is done. */
export async function crashRun({
  seed,
  messages,
  kills,
  amnesia = false,
  settle = 'soon',
  startBroker,
}: CrashPlan): Promise<CrashOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-crash-'));
  await mkdir(join(folder, 'broker'));
  const directory = await createKeyProvider();
  const broker = await startBroker(join(folder, 'broker'));
  const task = (address: string): Task => ({
    ...{ address, store: join(folder, address), broker: broker.url, directory: directory.url, settle },
    ...{ journal: join(folder, `${address}.log`), to: 'bob', messages },
  });
  const [alice, bob] = [task('alice'), task('bob')];
  let done = false;
  const writer = victim('sender-process.ts', [JSON.stringify(alice)], (line) => {
    done ||= line === 'done';
  });
  let interrupted = 0;
  const sender = examined(writer, async () => {
    const sent = readJournal(alice.journal).length;
    if (sent > 0 && sent < messages) interrupted++;
  });
  const autopsies: Autopsy[] = [];
  const listener = victim('receiver-process.ts', [JSON.stringify(bob)]);
  const receiver = examined(listener, async () => {
    autopsies.push(await examine(bob));
  });
  await broker.start();
  const wire = await recordWire(broker.url);
  try {
    await receiver.start();
    await sender.start();
    const random = seededRandom(seed);
    const victims = { sender, receiver, broker };
    const forget = () => loseQueue(victims, () => readJournal(alice.journal).length, messages);
    const killed = await kill(victims, { random, kills, isDone: () => done, ...(amnesia && { forget }) });
    while (!done || handled(bob) < messages) await sleep(50);
    await Promise.all([sender.kill(), receiver.kill()]);
    return { kills: killed, interrupted, ...(await checkRun({ alice, bob, messages, wire: wire.seen, autopsies })) };
  } finally {
    wire.close();
    for (const one of [writer, listener, broker]) await one.kill();
    await directory.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Killing {
  readonly random: Random;
  readonly kills: number;
  readonly isDone: () => boolean;
  /** Done after half of the kills. */
  readonly forget?: () => Promise<void>;
}

type Victims = Readonly<Record<'sender' | 'receiver', Victim> & { broker: VictimBroker }>;

/** Kills one after the other, and brings each back after a while. */
async function kill(victims: Victims, { random, kills, isDone, forget }: Killing): Promise<Record<string, number>> {
  const killed = { sender: 0, receiver: 0, broker: 0 };
  for (let i = 0; i < kills && !isDone(); i++) {
    if (i === Math.floor(kills / 2)) await forget?.();
    await sleep(random.next(QUIET));
    const name = random.pick(['sender', 'receiver', 'broker'] as const);
    killed[name]++;
    await victims[name].kill();
    await sleep(random.next(AWAY));
    await victims[name].start();
  }
  return killed;
}

/** The broker loses everything while the receiver is away and its queue is long. */
async function loseQueue({ receiver, broker }: Victims, sent: () => number, messages: number): Promise<void> {
  await receiver.kill();
  const before = sent();
  while (sent() < Math.min(messages, before + QUEUE)) await sleep(20);
  await broker.kill();
  await broker.loseEverything();
  await broker.start();
  await receiver.start();
}

/** Each time when it was killed, `look` may look at what it left. */
function examined(one: Victim, look: () => Promise<void>): Victim {
  return {
    start: one.start,
    async kill() {
      await one.kill();
      await look();
    },
  };
}

function handled(bob: Task): number {
  return new Set(readHandings(bob).flatMap(({ what, text }) => (what === 'through' ? [text] : []))).size;
}
