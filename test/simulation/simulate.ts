import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { isSealMQError, SealMQError } from '../../src/errors.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { type Mischief, malice } from '../../src/testing/malice.js';
import { type Random, seededRandom } from '../../src/testing/seeded.js';
import { SimulatedBroker } from '../../src/testing/simulated-broker.js';
import { HONEST, type Temper } from '../../src/testing/temper.js';
import { type VirtualTime, virtualTime } from '../../src/testing/virtual-time.js';
import { Actor } from './actor.js';
import { Ledger } from './ledger.js';
import { Presence } from './presence.js';
import { seededProvider } from './seeded-provider.js';
import { wiretap } from './wiretap.js';

/** How large a run is. */
export interface Size {
  readonly actors: number;
  readonly messages: number;
  /** Virtual minutes of mischief. */
  readonly minutes: number;
}

/** What came of a run. */
export interface Outcome {
  readonly seed: number;
  /** None in a good run. */
  readonly problems: readonly string[];
  /** Fingerprint of the course of events. */
  readonly trace: number;
  readonly posted: number;
  readonly lives: number;
  /** Virtual seconds until the last message was there, counted from the end of the mischief. */
  readonly healed: number;
  /** Wills that were handed over, and states that were told. */
  readonly wills: number;
  readonly states: number;
  readonly mischief: ReadonlyMap<keyof Mischief, number>;
  readonly rejections: ReadonlyMap<string, number>;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Every so many actors one has a will, for the one two after it, which has none. */
const WILLS = 4;
const HEIR = 2;
/** How many of the sends are of several messages in one turn. */
const BURSTS = 0.3;

/** Changes of states for each message. */
const CHANGES = 0.5;

/** Actors that write half of the messages, and peers that each actor writes to, the first of them most. */
const CHATTY = 4;
const PEERS = 4;

const QUEUES = ['inbox', 'quarantine', 'opened', 'failed', 'outbox', 'unreceipted'] as const;

/** Nobody is let in. */
const DOWN: Temper = { ...HONEST, connecting: () => undefined };
/** A broker as it should be, on a network. */
const WELL: Temper = { ...HONEST, latency: () => 5 };

/**
 * One run: actors write to each other through a malicious broker and die now and then, then the broker comes to its senses.
 * What was handled twice, what nobody sent, and what is neither handled nor told to be missing are problems.
 */
export async function simulate(seed: number, { actors: count, messages, minutes }: Size): Promise<Outcome> {
  const random = seededRandom(seed);
  const time = virtualTime();
  const ledger = new Ledger(settlingOf);
  const presence = new Presence(ledger);
  const broker = new SimulatedBroker(WELL);
  const tap = wiretap(ledger);
  let actors: Actor[] = [];
  try {
    actors = await gather(seed, count, { random, ledger, presence, broker, time });
    const evil = malice(seededRandom(random.next(2 ** 32)));
    broker.temper = tap(evil);
    for (const actor of actors) actor.mortal = random.chance(0.3);
    scheduleSends(actors, { random, ledger, messages, within: minutes * MINUTE });
    scheduleChanges(actors, { random, ledger, messages, within: minutes * MINUTE });
    scheduleDeaths(actors, random, minutes * MINUTE);
    await time.pass(minutes * MINUTE);

    for (const actor of actors) actor.mortal = false;
    broker.temper = DOWN;
    broker.interrupt();
    await time.pass(10 * MINUTE);
    checkReports(ledger, actors);

    broker.temper = tap(WELL);
    broker.interrupt();
    const start = time.elapsed;
    await time.passUntil(() => ledger.unhandled().every((one) => ledger.isLost(one)), 24 * HOUR);
    const healed = (time.elapsed - start) / 1000;
    // What the broker held back for hours comes now.
    await time.pass(3 * HOUR);
    checkEnd(ledger, actors);
    await checkStates(presence, actors);
    await checkWills({ random, ledger, presence, broker, time }, actors);
    const lives = actors.reduce((sum, actor) => sum + actor.lives, 0);
    const rejections = new Map<string, number>();
    for (const actor of actors)
      for (const [reason, n] of actor.rejections) rejections.set(reason, (rejections.get(reason) ?? 0) + n);
    const { problems, trace, posted } = ledger;
    const { wills, states } = presence;
    return {
      seed,
      problems,
      trace,
      posted: posted.size,
      lives,
      healed,
      wills,
      states,
      mischief: evil.done,
      rejections,
    };
  } finally {
    for (const actor of actors) await actor.end();
    time.end();
  }
}

interface Stage {
  readonly random: Random;
  readonly ledger: Ledger;
  readonly presence: Presence;
  readonly broker: SimulatedBroker;
  readonly time: VirtualTime;
}

/** Actors with an account each, known to one directory, which is away now and then. */
async function gather(
  seed: number,
  count: number,
  { random, ledger, presence, broker, time }: Stage,
): Promise<Actor[]> {
  const provider = seededProvider(seed);
  const clock = { now: () => Date.now() };
  const shared = await staticDirectory({ provider, clock });
  let reliable = true;
  const directory: KeyDirectory = {
    ...shared,
    async lookup(address, hash) {
      if (!reliable && random.chance(0.1)) throw new SealMQError('DIRECTORY_UNREACHABLE', 'away');
      return shared.lookup(address, hash);
    },
  };
  const actors = Array.from({ length: count }, (_, i) => {
    const address = `actor-${i}`;
    const connect = () => broker.create(address);
    const cut = () => broker.interrupt(address);
    const options = { directory, provider, clock, settle: settlingOf(address) };
    const heir = i % WILLS === 0 && { heir: `actor-${(i + HEIR) % count}` };
    const parts = { address, random, ledger, presence, connect, cut, options, ...heir };
    return new Actor({ ...parts, store: memoryStore() });
  });
  const ready = Promise.all(
    actors.map(async (actor) => {
      await actor.live();
      await actor.messenger?.register();
    }),
  );
  let done = false;
  void ready.then(() => {
    done = true;
  });
  await time.passUntil(() => done, HOUR);
  await ready;
  reliable = false;
  return actors;
}

interface Sends {
  readonly random: Random;
  readonly ledger: Ledger;
  readonly messages: number;
  readonly within: number;
}

/** Every other actor settles each message before the next. */
function settlingOf(address: string): 'soon' | 'each' {
  return Number(address.split('-')[1]) % 2 === 0 ? 'soon' : 'each';
}

function scheduleSends(actors: readonly Actor[], { random, ledger, messages, within }: Sends): void {
  const failed = (error: unknown) => {
    // The directory may be away; then the application knows that nothing was sent.
    if (!isSealMQError(error)) ledger.problems.push(`send threw ${error}`);
  };
  for (let n = 0; n < messages; ) {
    const from = random.next(random.chance(0.5) ? CHATTY : actors.length);
    const to = (from + 1 + (random.chance(0.7) ? 0 : random.next(PEERS))) % actors.length;
    const sender = actors[from] as Actor;
    const { address } = actors[to] as Actor;
    const count = random.chance(BURSTS) ? 2 + random.next(3) : 1;
    const texts = Array.from({ length: count }, () => `${sender.address} ${n++}`);
    setTimeout(() => sender.send(address, texts).catch(failed), random.next(within));
  }
}

/** Everybody has a state for the next one, which changes now and then. */
function scheduleChanges(actors: readonly Actor[], { random, ledger, messages, within }: Sends): void {
  const failed = (error: unknown) => {
    if (!isSealMQError(error)) ledger.problems.push(`setState threw ${error}`);
  };
  for (let i = 0; i < CHANGES * messages; i++) {
    const from = random.next(actors.length);
    const owner = actors[from] as Actor;
    const { address } = actors[(from + 1) % actors.length] as Actor;
    const cleared = random.chance(0.2);
    setTimeout(() => owner.changeState(address, cleared).catch(failed), random.next(within));
  }
}

function scheduleDeaths(actors: readonly Actor[], random: Random, within: number): void {
  for (const actor of actors) if (actor.mortal) setTimeout(() => actor.die(), random.next(within));
}

/** What came behind something that is missing: the application must have been told. */
function checkReports(ledger: Ledger, actors: readonly Actor[]): void {
  for (const message of ledger.unhandled()) {
    const seen = ledger.handledSeqs(message.from, message.to);
    const [first = 0] = seen;
    // Below the number that came first there is no gap, but the past of a device that joined later; the end leaves none.
    if (message.seq < first || message.seq > Math.max(0, ...seen)) continue;
    // An event that was told in the moment of a death is not told again.
    const lived = actors.find(({ address }) => address === message.to)?.lives === 1;
    if (lived && !ledger.isReported(message)) ledger.problems.push(`${message.text} is missing, and nobody was told`);
  }
}

function checkEnd(ledger: Ledger, actors: readonly Actor[]): void {
  for (const message of ledger.unhandled())
    if (!ledger.isLost(message)) ledger.problems.push(`${message.text} never came`);
  for (const { address, messenger } of actors) {
    const status = messenger?.status();
    const connection = status?.connection ?? 'closed';
    const left = QUEUES.filter((name) => status?.[name] !== 0);
    if (connection !== 'connected' || left.length > 0)
      ledger.problems.push(`${address} is left ${connection} with something in ${left}`);
  }
}

async function checkStates(presence: Presence, actors: readonly Actor[]): Promise<void> {
  for (const [i, { address }] of actors.entries()) {
    const reader = actors[(i + 1) % actors.length] as Actor;
    presence.checkState(address, reader.address, (await reader.messenger?.states()) ?? []);
  }
}

/** At last, by an honest broker: who says farewell leaves no will, who is killed does. */
async function checkWills({ random, ledger, presence, time }: Stage, actors: readonly Actor[]): Promise<void> {
  const testators = actors.filter((_, i) => i % WILLS === 0);
  for (const actor of testators) {
    if (random.chance(0.5)) void actor.leave();
    else actor.perish();
  }
  await time.pass(5 * MINUTE);
  for (const actor of testators) {
    const heir = actors[(actors.indexOf(actor) + HEIR) % actors.length] as Actor;
    const came = presence.lastWillCame(actor.address);
    if (came === actor.left) {
      ledger.problems.push(`${actor.address} ${came ? 'left' : 'was killed'}, and ${heir.address} was told otherwise`);
    }
  }
}
