import type { Random } from './seeded.js';
import type { Answer, Dispatch, Parcel, Temper } from './temper.js';

/** What a malicious broker does; how often, as probabilities from 0 to 1 of each packet, connection or subscription. */
export interface Mischief {
  /** Takes a message, acknowledges it, and passes it on to nobody. */
  readonly drop: number;
  /** Passes it on, and never acknowledges it. */
  readonly silence: number;
  /** Passes it on, and denies it. */
  readonly deny: number;
  /** Passes it on more than once. */
  readonly double: number;
  /** Passes it on late: seconds, minutes or hours; what comes after it overtakes it. */
  readonly delay: number;
  /** Passes on something it has heard before, too. */
  readonly replay: number;
  /** Passes it on under a topic of somebody else or of another kind, too. */
  readonly move: number;
  /** Passes on a copy with a changed, missing or added byte, too. */
  readonly alter: number;
  /** Passes on a few messages of garbage, too. */
  readonly flood: number;
  /** Breaks the connection. */
  readonly cut: number;
  /** Turns a client away that connects. */
  readonly turnAway: number;
  /** Forgets a session, and does not always say so. */
  readonly forget: number;
  /** Says the wrong thing of a session. */
  readonly pretend: number;
  /** Gives a new subscriber something older than what is retained, something altered, or nothing. */
  readonly retain: number;
}

/** Of everything something. */
export const MISCHIEF: Mischief = {
  ...{ drop: 0.1, silence: 0.02, deny: 0.002, double: 0.08, delay: 0.15, replay: 0.08, move: 0.04, alter: 0.04 },
  ...{ flood: 0.02, cut: 0.03, turnAway: 0.2, forget: 0.3, pretend: 0.3, retain: 0.5 },
};

/** A temper with malice, and how often it has done what. */
export interface Malice extends Temper {
  readonly done: ReadonlyMap<keyof Mischief, number>;
}

/** Messages kept for replays: old ones give way at random, so that some are from long ago. */
const MEMORY = 2000;
/** Milliseconds: a moment, a minute, longer than anything waits. */
const DELAYS = [50, 2000, 60_000, 7200_000];
const FLOOD = 20;
const GARBAGE_BYTES = 400;
/** How a sealed message begins: garbage that looks like one goes further. */
const FIRST_BYTES = [0xd8, 0x60, 0x84];

/** A temper that does `mischief`; the choices are those of `random`. */
export function malice(random: Random, mischief: Partial<Mischief> = {}): Malice {
  const chances = { ...MISCHIEF, ...mischief };
  const memory: Parcel[] = [];
  const topics = new Set<string>();
  const done = new Map<keyof Mischief, number>();

  const does = (what: keyof Mischief): boolean => {
    if (!random.chance(chances[what])) return false;
    done.set(what, (done.get(what) ?? 0) + 1);
    return true;
  };
  const remember = (parcel: Parcel) => {
    topics.add(parcel.topic);
    if (memory.length < MEMORY) memory.push(parcel);
    else memory[random.next(MEMORY)] = parcel;
  };
  const soon = () => random.next(100);
  const extras = (parcel: Parcel): Dispatch[] => {
    const elsewhere = () => random.pick([...topics]);
    const found: Dispatch[] = [];
    if (does('replay')) found.push({ ...random.pick(memory), after: soon() });
    if (does('move')) found.push({ ...random.pick(memory), topic: elsewhere(), after: soon() });
    if (does('alter')) found.push({ ...parcel, payload: altered(random, parcel.payload), after: soon() });
    if (does('flood'))
      for (let i = 0; i < FLOOD; i++) {
        found.push({ topic: elsewhere(), payload: garbage(random), qos: 1, after: soon() });
      }
    return found;
  };

  return {
    done,
    latency: () => random.next(20),
    cuts: () => does('cut'),
    published(parcel) {
      remember(parcel);
      const answer: Answer = does('deny') ? 'refuse' : does('silence') ? 'silence' : 'acknowledge';
      const copies = does('drop') ? 0 : does('double') ? 2 + random.next(3) : 1;
      const late = () => (does('delay') ? random.next(random.pick(DELAYS)) : 0);
      const passedOn = Array.from({ length: copies }, () => ({ ...parcel, after: late() }));
      return { dispatches: [...passedOn, ...extras(parcel)], answer };
    },
    connecting(_session, known) {
      if (does('turnAway')) return undefined;
      const forget = known && does('forget');
      const truth = known && !forget;
      return { forget, sessionPresent: does('pretend') ? !truth : truth };
    },
    retained(_topic, payloads) {
      const newest = payloads.at(-1);
      if (!newest || !does('retain')) return newest;
      return random.pick([() => undefined, () => random.pick(payloads), () => altered(random, newest)])();
    },
  };
}

/** One byte changed, taken away or added; or the end cut off. */
function altered(random: Random, payload: Uint8Array): Uint8Array {
  const at = random.next(payload.length);
  const before = payload.subarray(0, at);
  const after = payload.subarray(at + 1);
  const byte = Uint8Array.of((payload[at] ?? 0) ^ (1 << random.next(8)));
  const pieces = random.pick([[before, byte, after], [before, after], [payload, byte], [before]]);
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

function garbage(random: Random): Uint8Array {
  const bytes = random.bytes(random.next(GARBAGE_BYTES));
  if (random.chance(0.5)) bytes.set(FIRST_BYTES.slice(0, bytes.length));
  return bytes;
}
