import { toHex } from '../../bytes/bytes.js';
import { FRAME_MEMORY } from '../../protocol/call/timeliness.js';

/** Frames that are remembered of one call, or dials of one sender, at most: more are not heard until some are forgotten. */
const MAX_FRAMES = 1024;

/** Senders whose dials are remembered, at most, of strangers and of contacts each. */
const MAX_SENDERS = 1024;

/** What a cache says of a timely frame. */
export type Novelty = 'new' | 'replayed' | 'too-many';

/** Which frames were heard, for as long as they are timely; bounded. */
export class NonceCache {
  readonly #heard = new Map<string, number>();

  /** Judges a verified, timely frame, and remembers it. @param id - of its message, 16 bytes. @param now - seconds */
  hear(id: Uint8Array, now: number): Novelty {
    this.forgetOld(now);
    const name = toHex(id);
    if (this.#heard.has(name)) return 'replayed';
    if (this.#heard.size >= MAX_FRAMES) return 'too-many';
    this.#heard.set(name, now + FRAME_MEMORY);
    return 'new';
  }

  /** @returns whether nothing is remembered any more */
  forgetOld(now: number): boolean {
    // Entries lie in the order they came in, and so in that of their times as long as no clock is set back.
    for (const [name, until] of this.#heard) {
      if (until >= now) break;
      this.#heard.delete(name);
    }
    return this.#heard.size === 0;
  }
}

/**
 * Which dials were heard, by sender: a stranger cannot make it forget what another has said, nor take their room; and all strangers
 * together cannot take that of those whom we know.
 */
export class DialCache {
  readonly #senders: Readonly<Record<Room, Map<string, NonceCache>>> = { strangers: new Map(), contacts: new Map() };

  /** As {@link NonceCache.hear}. @param room - for a sender of whom nothing is remembered: somebody may become a contact meanwhile */
  hear(from: string, room: Room, id: Uint8Array, now: number): Novelty {
    const { strangers, contacts } = this.#senders;
    const known = strangers.get(from) ?? contacts.get(from);
    if (known) return known.hear(id, now);
    const senders = this.#senders[room];
    if (senders.size >= MAX_SENDERS) forgetSenders(senders, now);
    if (senders.size >= MAX_SENDERS) return 'too-many';
    const fresh = new NonceCache();
    senders.set(from, fresh);
    return fresh.hear(id, now);
  }
}

type Room = 'strangers' | 'contacts';

function forgetSenders(senders: Map<string, NonceCache>, now: number): void {
  for (const [from, heard] of senders) if (heard.forgetOld(now)) senders.delete(from);
}
