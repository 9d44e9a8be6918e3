import { toHex } from '../../bytes/bytes.js';
import { FRAME_MEMORY, type Stamp, type Timeliness, timeOf } from '../../protocol/call/timeliness.js';

/** Frames of one sender that are remembered, and senders, at most: what comes beyond that is not heard until some are forgotten. */
const MAX_FRAMES = 1024;
const MAX_SENDERS = 1024;

/** Which frames were heard, bounded. A stranger cannot make it forget what another has said. */
export class NonceCache {
  readonly #senders = new Map<string, Map<string, number>>();

  /** Judges a verified frame, and remembers it when it is timely. @param now - seconds */
  hear(stamp: Stamp, now: number): Timeliness | 'replayed' | 'too-many' {
    const time = timeOf(stamp, now);
    if (time !== 'timely') return time;
    const heard = this.#heardOf(stamp.from, now);
    if (!heard) return 'too-many';
    const id = toHex(stamp.id);
    if (heard.has(id)) return 'replayed';
    if (heard.size >= MAX_FRAMES) return 'too-many';
    heard.set(id, now + FRAME_MEMORY);
    return 'timely';
  }

  #heardOf(from: string, now: number): Map<string, number> | undefined {
    const known = this.#senders.get(from);
    if (known) return forgetOld(known, now);
    if (this.#senders.size >= MAX_SENDERS) this.#forgetSenders(now);
    if (this.#senders.size >= MAX_SENDERS) return undefined;
    const fresh = new Map<string, number>();
    this.#senders.set(from, fresh);
    return fresh;
  }

  #forgetSenders(now: number): void {
    for (const [from, heard] of this.#senders) if (forgetOld(heard, now).size === 0) this.#senders.delete(from);
  }
}

/** Entries lie in the order they came in, and so in that of their times as long as no clock is set back. */
function forgetOld(heard: Map<string, number>, now: number): Map<string, number> {
  for (const [id, until] of heard) {
    if (until >= now) break;
    heard.delete(id);
  }
  return heard;
}
