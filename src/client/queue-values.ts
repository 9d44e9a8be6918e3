import type { Allocate } from '../bytes/memory.js';
import { SealMQError } from '../errors.js';
import type { PendingPut, Store } from '../ports/store.js';
import type { EntryCodec } from './entries.js';

/** One entry of a `DurableQueue`; `n` grows with every entry and is never used again while the queue is open. */
export interface QueueEntry<T> {
  readonly n: number;
  /** Shared with who else reads it: not to be written into. */
  readonly value: T;
}

const DIGITS = 16;

/** In front of each stored value: when it came, in milliseconds, as a big-endian float64. */
const TIME_BYTES = 8;

/** How much of what was just appended is held in memory besides, so that it need not be read back. */
const HELD_BYTES = 16 << 20;

/** What is read from the store at once: this many entries, or bytes. */
const PAGE_ENTRIES = 64;
const PAGE_BYTES = 256 << 10;

/** The values of a queue's entries: what was just appended in memory, the rest in the store, where a page is read at once. */
export class QueueValues<T> {
  readonly #store: Store;
  readonly #name: string;
  readonly #codec: EntryCodec<T>;
  readonly #held = new Map<number, { readonly size: number; readonly value: T }>();
  #heldBytes = 0;
  /** What was last read from the store, encoded. */
  #page = new Map<number, Uint8Array>();

  constructor(store: Store, name: string, codec: EntryCodec<T>) {
    this.#store = store;
    this.#name = name;
    this.#codec = codec;
  }

  /** Writes `value` under the number `n`; held in memory as long as there is room. */
  put(n: number, at: number, value: T): PendingPut {
    this.forget(n);
    const { size, encode } = this.#codec.prepare(value);
    if (this.#heldBytes + size <= HELD_BYTES) {
      this.#held.set(n, { size, value });
      this.#heldBytes += size;
    }
    const make = (allocate: Allocate) => {
      const stored = encode(TIME_BYTES, allocate);
      new DataView(stored.buffer, stored.byteOffset).setFloat64(0, at);
      return stored;
    };
    return { type: 'make', key: this.key(n), size, make };
  }

  /** Memory has no value of `n` any more. */
  forget(n: number): void {
    this.#heldBytes -= this.#held.get(n)?.size ?? 0;
    this.#held.delete(n);
    this.#page.delete(n);
  }

  /** What was appended by this process, and not too much of it. */
  held(n: number): T | undefined {
    return this.#held.get(n)?.value;
  }

  /** What memory has, from wherever. */
  known(n: number): T | undefined {
    const paged = this.#page.get(n);
    return this.held(n) ?? (paged && this.#codec.decode(paged));
  }

  async find(n: number): Promise<T | undefined> {
    const held = this.held(n);
    if (held !== undefined) return held;
    const stored = await this.#store.get(this.key(n));
    return stored && this.#codec.decode(storedValue(stored));
  }

  /** Up to `limit` stored entries behind `after`, of those that `has` knows of; what stands behind them is kept for the next time. */
  async read(after: number, limit: number, has: (n: number) => boolean): Promise<QueueEntry<T>[]> {
    const entries: QueueEntry<T>[] = [];
    const page = new Map<number, Uint8Array>();
    let bytes = 0;
    for await (const { n, value } of this.#stored(after)) {
      if (!has(n)) continue;
      const isPaged = page.size < PAGE_ENTRIES && bytes < PAGE_BYTES;
      if (entries.length < limit) entries.push({ n, value: this.#codec.decode(value) });
      else if (!isPaged) break;
      if (!isPaged) continue;
      page.set(n, value);
      bytes += value.length;
    }
    this.#page = page;
    return entries;
  }

  /** All stored entries behind `after`, in order, as they are when the iteration begins. */
  async *entries(after: number): AsyncGenerator<QueueEntry<T>, void, undefined> {
    for await (const { n, value } of this.#stored(after)) yield { n, value: this.#codec.decode(value) };
  }

  /** Of all stored entries behind `after` the time at which they came, in milliseconds, and the length of their value. */
  async *sizes(after: number): AsyncGenerator<{ readonly n: number; readonly at: number; readonly size: number }> {
    for await (const { n, at, value } of this.#stored(after)) yield { n, at, size: value.length };
  }

  key(n: number): string {
    return keyOf(this.#name, n);
  }

  #stored(after: number): AsyncGenerator<StoredEntry, void, undefined> {
    return storedEntries(this.#store, this.#name, { after });
  }
}

/** An entry as it is stored. */
interface StoredEntry {
  readonly key: string;
  readonly n: number;
  /** When it came, in milliseconds. */
  readonly at: number;
  /** Encoded. */
  readonly value: Uint8Array;
}

/**
 * What is stored of the queue `name` behind the number `after` and up to `last`, in order: what was `DurableQueue.release`d, too.
 *
 * @throws `STATE_CORRUPT`
 */
export async function* storedEntries(
  store: Store,
  name: string,
  { after = 0, last }: { readonly after?: number; readonly last?: number },
): AsyncGenerator<StoredEntry, void, undefined> {
  // ":" comes behind all digits.
  const end = last === undefined ? { lt: `${name}/:` } : { lte: keyOf(name, last) };
  for await (const [key, stored] of store.iterator({ gt: keyOf(name, after), ...end })) {
    yield { key, n: Number(key.slice(-DIGITS)), at: timeOf(stored), value: storedValue(stored) };
  }
}

/** The value of an entry, of what is stored under its key. */
export function storedValue(stored: Uint8Array): Uint8Array {
  return stored.subarray(TIME_BYTES);
}

function keyOf(name: string, n: number): string {
  return `${name}/${String(n).padStart(DIGITS, '0')}`;
}

/** @throws `STATE_CORRUPT` */
function timeOf(stored: Uint8Array): number {
  if (stored.length < TIME_BYTES) throw new SealMQError('STATE_CORRUPT', 'a queue entry is cut off');
  return new DataView(stored.buffer, stored.byteOffset).getFloat64(0);
}
