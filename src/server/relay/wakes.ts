import { LRUCache } from 'lru-cache';
import { toBase64url } from '../../bytes/base64url.js';
import { toHex, utf8 } from '../../bytes/bytes.js';
import { DIAL_LIFE } from '../../protocol/call/state.js';
import { isActive } from '../../protocol/identity/device.js';
import { encodeWakeNote } from '../../protocol/relay/index.js';
import { type TokenBucket, type TokenRate, takeToken } from '../../protocol/token-bucket.js';
import type { RelayEvent, WakeLimits } from './options.js';
import type { Pusher } from './push/pusher.js';
import type { RecordLookup } from './records.js';
import type { Subscriptions, Wakeable } from './subscriptions.js';

/** A dial that was handed in. */
export interface Dial {
  readonly caller: string;
  readonly callee: string;
  /** SHA-256 of the sealed message. */
  readonly message: Uint8Array;
  readonly sealed: Uint8Array;
  /** Seconds. */
  readonly issuedAt: number;
}

/** Wakes whoever does not hear a dial. */
export interface Wakes {
  /** The callee's devices are woken unless they hear it in time. */
  dialled(dial: Dial): void;
  /** A frame went from one to another: what either has dialled before is answered, or over. */
  spoke(from: string, to: string): void;
  /** A device has heard a dial. It may say so before we know of the dial. */
  heard(address: string, device: string, message: Uint8Array): void;
  close(): void;
}

/** What waking needs. */
export interface WakeParts {
  readonly subscriptions: Subscriptions;
  readonly pusher: Pusher;
  readonly records: RecordLookup;
  readonly limits: WakeLimits;
  /** How long a device has to say that it hears, in milliseconds. */
  readonly after: number;
  readonly report: (event: RelayEvent) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Dials that wait for being heard, or for push services; and how much is remembered of people. */
const MAX_DIALS = 10_000;
const MAX_COUNTED = 100_000;
const MAX_HEARD = 50_000;

/** Nobody dials yet. */
export function createWakes(parts: WakeParts): Wakes {
  const { limits, after, report, now } = parts;
  /** By caller and callee: a newer dial takes the place of an older one. */
  const dials = new Map<string, { readonly timer: ReturnType<typeof setTimeout> }>();
  const heardBy = new LRUCache<string, true>({ max: MAX_HEARD });
  const callers = new LRUCache<string, TokenBucket>({ max: MAX_COUNTED });
  const callees = new LRUCache<string, TokenBucket>({ max: MAX_COUNTED });

  const mayGoOn = (buckets: typeof callers, who: string, rate: TokenRate): boolean => {
    const { bucket, wait } = takeToken(buckets.get(who), rate, now());
    buckets.set(who, bucket);
    if (wait > 0) report({ type: 'unwoken', reason: 'rate-limited' });
    return wait === 0;
  };
  const end = (name: string) => {
    clearTimeout(dials.get(name)?.timer);
    dials.delete(name);
  };

  const wake = async (name: string, dial: Dial) => {
    const mine = dials.get(name);
    const isGoing = () => mine !== undefined && dials.get(name) === mine;
    const hears = ({ device }: Wakeable) => heardBy.has(heardName(dial.callee, device, dial.message));
    try {
      const absent = (await goodDevices(parts, dial.callee)).filter((each) => !hears(each));
      if (absent.length === 0 || !isGoing() || !mayGoOn(callees, dial.callee, limits.perCallee)) return;
      const content = utf8(encodeWakeNote(dial.sealed));
      const common = { content, topic: toBase64url(dial.message.subarray(0, 24)) };
      const until = dial.issuedAt * 1000 + DIAL_LIFE;
      await Promise.all(
        absent.map(async (each) => {
          const isWanted = () => isGoing() && !hears(each);
          const outcome = await parts.pusher.push(each.subscription, { ...common, until, isWanted });
          if (outcome === 'gone') await parts.subscriptions.remove(dial.callee, each);
          report(outcome === 'pushed' ? { type: 'pushed' } : { type: 'unwoken', reason: outcome });
        }),
      );
    } catch (error) {
      report({ type: 'failed', error });
    } finally {
      if (isGoing()) end(name);
    }
  };

  return {
    dialled(dial) {
      const name = pairName(dial.caller, dial.callee);
      end(name);
      if (!mayGoOn(callers, dial.caller, limits.perCaller)) return;
      if (dials.size >= MAX_DIALS) return report({ type: 'unwoken', reason: 'too-many' });
      const timer = setTimeout(() => void wake(name, dial), after);
      timer.unref();
      dials.set(name, { timer });
    },
    spoke(from, to) {
      end(pairName(from, to));
      end(pairName(to, from));
    },
    heard(address, device, message) {
      heardBy.set(heardName(address, device, message), true);
    },
    close() {
      for (const name of [...dials.keys()]) end(name);
    },
  };
}

/** The devices that can be woken and are still active in the record. What the others had is forgotten. */
async function goodDevices({ subscriptions, records, now }: WakeParts, address: string): Promise<readonly Wakeable[]> {
  const found = await subscriptions.of(address);
  if (found.length === 0) return found;
  const record = await records.find(address);
  // Nobody but its owner has the record of an anonymous address.
  if (!record) return found;
  const isGood = ({ device }: Wakeable) =>
    record.devices.some((entry) => entry.id === device && isActive(entry, Math.floor(now() / 1000)));
  for (const gone of found.filter((each) => !isGood(each))) await subscriptions.remove(address, gone);
  return found.filter(isGood);
}

/** No address has a space. */
function pairName(caller: string, callee: string): string {
  return `${caller} ${callee}`;
}

function heardName(address: string, device: string, message: Uint8Array): string {
  return `${address} ${device} ${toHex(message)}`;
}
