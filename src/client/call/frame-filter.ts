import { toHex } from '../../bytes/bytes.js';
import type { CallFrame } from '../../protocol/call/frame.js';
import type { Party } from '../../protocol/call/keys.js';
import { timeOf } from '../../protocol/call/timeliness.js';
import { type TokenBucket, takeToken } from '../../protocol/token-bucket.js';
import { DialCache, type NonceCache, type Novelty } from './nonce-cache.js';
import type { CallPort, OpenedFrame } from './port.js';

/** Calls that ended before their dial came, and callers whose dials are counted, at most. */
const MAX_ENDED = 1024;
const MAX_CALLERS = 4096;

/** Dials of one caller that are heard. */
const DIALS = { burst: 32, perSecond: 1 };

/** The call that a frame is of, as far as it matters here. */
interface Call {
  readonly peer: Pick<Party, 'address'>;
  readonly heard: NonceCache;
}

/** What is heard of the frames that come: what is timely and new, not too many dials, none of a call that is over. */
export class FrameFilter {
  readonly #port: Pick<CallPort, 'standing'>;
  readonly #dials = new DialCache();
  readonly #ended = new Map<string, true>();
  readonly #callers = new Map<string, TokenBucket>();

  constructor(port: Pick<CallPort, 'standing'>) {
    this.#port = port;
  }

  /** Whether a frame is timely and new. Those of a call are remembered as long as the call: behind it they lead nowhere. @param now - seconds */
  hear(
    { frame: { type }, from, id, issuedAt }: OpenedFrame,
    call: Call | undefined,
    now: number,
  ): Novelty | 'late' | 'early' {
    const time = timeOf({ type, issuedAt }, now);
    if (time !== 'timely') return time;
    const { address } = from;
    if (type === 'dial') {
      const room = this.#port.standing(from) === 'stranger' ? 'strangers' : 'contacts';
      return this.#dials.hear(address, room, id, now);
    }
    // Frames that are not the peer's must not take the room of those that are.
    return call?.peer.address === address ? call.heard.hear(id, now) : 'new';
  }

  /** Whether one more dial of that caller is too many. */
  isFlood({ address }: Pick<Party, 'address'>): boolean {
    const { bucket, wait } = takeToken(this.#callers.get(address), DIALS, performance.now());
    remember(this.#callers, address, bucket, MAX_CALLERS);
    return wait > 0;
  }

  /** A call is over of which nothing is known: its dial may still be under way. */
  ended(frame: CallFrame, from: Party): void {
    remember(this.#ended, nameOf(frame, from), true, MAX_ENDED);
  }

  /** Whether the call was {@link ended} before its dial came; says so once. */
  wasEnded(frame: CallFrame, from: Party): boolean {
    return this.#ended.delete(nameOf(frame, from));
  }
}

function nameOf({ call }: CallFrame, { address }: Party): string {
  return `${address}/${toHex(call)}`;
}

/** Enters the value, and forgets the oldest entry when there are too many. */
function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value as string);
}
