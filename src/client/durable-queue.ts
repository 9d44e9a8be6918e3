import { SealMQError } from '../errors.js';
import type { Store, StoreOperation } from '../ports/store.js';
import { createSignal } from './signal.js';

/** One entry of a {@link DurableQueue}; `n` grows with every entry and is never used again while the queue is open. */
export interface QueueEntry {
  readonly n: number;
  readonly value: Uint8Array;
}

/** How much a queue may hold. */
export interface QueueLimits {
  readonly entries: number;
  readonly bytes: number;
}

const DIGITS = 16;

/** In front of each stored value: when it came, in milliseconds, as a big-endian float64. */
const TIME_BYTES = 8;

/** How much of what was just appended is held in memory besides, so that it need not be read back. */
const HELD_BYTES = 16 << 20;

/** What is read from the store at once: this many entries, or bytes. */
const PAGE_ENTRIES = 64;
const PAGE_BYTES = 256 << 10;

/** What memory knows of an entry. */
interface Known {
  readonly at: number;
  readonly size: number;
  /** In the store, so that it may be read. */
  durable: boolean;
  /** May be read from memory before. */
  offered?: boolean;
  value?: Uint8Array | undefined;
}

/**
 * A first-in first-out queue under a prefix of a store. Appending and removing answer store operations for the caller
 * to put into the batch they belong to, so that several queues and counters change together or not at all. Who appends
 * calls {@link DurableQueue.confirm} when that batch is durable: before, nobody reads the entry.
 */
export class DurableQueue {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #limits: QueueLimits;
  readonly #now: () => number;
  /** In order. */
  readonly #known = new Map<number, Known>();
  #heldBytes = 0;
  /** Values of what was last read from the store. */
  #page = new Map<number, Uint8Array>();
  readonly #changed = createSignal();
  #bytes = 0;
  #next = 1;

  private constructor(store: Store, prefix: string, limits: QueueLimits, now: () => number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Opens the queue `name` with what an earlier process left in it.
   *
   * @param after - entries up to this number were {@link DurableQueue.release | released}: they are not in the queue
   */
  static async open(
    { store, now }: { readonly store: Store; readonly now: () => number },
    name: string,
    limits: QueueLimits,
    after = 0,
  ): Promise<DurableQueue> {
    const queue = new DurableQueue(store, `${name}/`, limits, now);
    queue.#next = after + 1;
    for await (const [key, stored] of store.iterator(queue.#range(after))) {
      const size = stored.length - TIME_BYTES;
      queue.#add(Number(key.slice(-DIGITS)), { at: timeOf(stored), size, durable: true });
    }
    return queue;
  }

  get depth(): number {
    return this.#known.size;
  }

  has(n: number): boolean {
    return this.#known.has(n);
  }

  /** When the first entry came, in milliseconds. */
  get oldest(): number | undefined {
    for (const { at } of this.#known.values()) return at;
    return undefined;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.fullWith(0, 0);
  }

  /** Whether so many more entries and bytes would fill the queue. */
  fullWith(entries: number, bytes: number): boolean {
    return this.#known.size + entries >= this.#limits.entries || this.#bytes + bytes >= this.#limits.bytes;
  }

  /** Whether the queue has drained to half of its limits. */
  get roomy(): boolean {
    return this.#known.size <= this.#limits.entries / 2 && this.#bytes <= this.#limits.bytes / 2;
  }

  /** Takes the next number for `value`; it is in the queue when it is confirmed. */
  append(value: Uint8Array): { readonly n: number; readonly operation: StoreOperation } {
    const n = this.#next;
    const at = this.#now();
    const isHeld = this.#heldBytes + value.length <= HELD_BYTES;
    this.#add(n, { at, size: value.length, durable: false, value: isHeld ? value : undefined });
    return { n, operation: { type: 'put', key: this.#key(n), value: timed(at, value) } };
  }

  /** The entry `n` is durable: from now on it is read, and who waits for {@link changed} wakes. */
  confirm(n: number): void {
    const known = this.#known.get(n);
    if (known) known.durable = true;
    this.#changed.notify();
  }

  /**
   * The entry `n` may be read at once, while memory holds it: for a reader that may be handed an entry again after a crash, and
   * whose own writes come behind this one.
   */
  offer(n: number): void {
    const known = this.#known.get(n);
    if (known) known.offered = true;
    this.#changed.notify();
  }

  /** Replaces the value of an entry. */
  replace(n: number, value: Uint8Array): StoreOperation {
    const { at } = this.#known.get(n) ?? { at: this.#now() };
    this.#forget(n);
    this.#page.delete(n);
    this.#add(n, { at, size: value.length, durable: true });
    return { type: 'put', key: this.#key(n), value: timed(at, value) };
  }

  /** Takes the entry `n` out. */
  remove(n: number): StoreOperation {
    this.#forget(n);
    this.#known.delete(n);
    this.#page.delete(n);
    this.#changed.notify();
    return { type: 'del', key: this.#key(n) };
  }

  /** As {@link remove}, but what is stored stays, under the key that is answered: it is somebody else's now. */
  release(n: number): string {
    const { key } = this.remove(n);
    return key;
  }

  /** The greatest number up to which nothing is in the queue any more. */
  get passed(): number {
    for (const n of this.#known.keys()) return n - 1;
    return this.#next - 1;
  }

  /** Takes out the oldest entries while the queue is over its limits. */
  removeOldest(): StoreOperation[] {
    const operations: StoreOperation[] = [];
    for (const n of this.#known.keys()) {
      if (!this.full) break;
      operations.push(this.remove(n));
    }
    return operations;
  }

  /** Up to `limit` entries after the number `after` that may be read, in order. */
  async read(after: number, limit: number): Promise<QueueEntry[]> {
    return this.#readHeld(after, limit) ?? this.#readStored(after, limit);
  }

  /** The value of the entry `n`, if it is in the queue and may be read. */
  async find(n: number): Promise<Uint8Array | undefined> {
    const known = this.#known.get(n);
    if (!known?.durable) return undefined;
    if (known.value) return known.value.slice();
    const stored = await this.#store.get(this.#key(n));
    return stored && storedValue(stored);
  }

  /** What memory has of the entries after `after`; `undefined` when the first of them lies in the store only. */
  #readHeld(after: number, limit: number): QueueEntry[] | undefined {
    const entries: QueueEntry[] = [];
    for (const [n, { durable, offered, value: held }] of this.#known) {
      if (n <= after) continue;
      if (entries.length === limit || !(durable || (offered && held))) break;
      const value = held ?? this.#page.get(n);
      if (!value) return entries.length > 0 ? entries : undefined;
      // A copy, as from the store: the reader may write into it.
      entries.push({ n, value: value.slice() });
    }
    return entries;
  }

  async #readStored(after: number, limit: number): Promise<QueueEntry[]> {
    const entries: QueueEntry[] = [];
    const page = new Map<number, Uint8Array>();
    let bytes = 0;
    // Released entries lie before these and among them, any number of them.
    for await (const [key, stored] of this.#store.iterator(this.#range(Math.max(after, this.passed)))) {
      const n = Number(key.slice(-DIGITS));
      if (!this.#known.has(n)) continue;
      const value = storedValue(stored);
      const isPaged = page.size < PAGE_ENTRIES && bytes < PAGE_BYTES;
      if (entries.length < limit) entries.push({ n, value: value.slice() });
      else if (!isPaged) break;
      if (!isPaged) continue;
      page.set(n, value);
      bytes += stored.length;
    }
    this.#page = page;
    return entries;
  }

  /** All durable entries, in order, as they are when the iteration begins. */
  async *entries(): AsyncGenerator<QueueEntry, void, undefined> {
    for await (const [key, stored] of this.#store.iterator(this.#range(this.passed)))
      yield { n: Number(key.slice(-DIGITS)), value: storedValue(stored) };
  }

  /** Resolves at the next {@link confirm}, {@link notify} or removal. */
  changed(): Promise<void> {
    return this.#changed.wait();
  }

  /** Waits while `isBusy`, but at most `patience` milliseconds; asked again at each change. */
  async settled(isBusy: () => boolean, patience: number): Promise<void> {
    let patient = true;
    const timer = setTimeout(() => {
      patient = false;
      this.notify();
    }, patience);
    while (patient && isBusy()) await this.changed();
    clearTimeout(timer);
  }

  /** Wakes who waits for {@link changed}. */
  notify(): void {
    this.#changed.notify();
  }

  #add(n: number, known: Known): void {
    this.#known.set(n, known);
    this.#bytes += known.size;
    this.#heldBytes += known.value?.length ?? 0;
    this.#next = Math.max(this.#next, n + 1);
  }

  /** Takes the sizes of an entry out of the sums. */
  #forget(n: number): void {
    const known = this.#known.get(n);
    this.#bytes -= known?.size ?? 0;
    this.#heldBytes -= known?.value?.length ?? 0;
  }

  #key(n: number): string {
    return keyOf(this.#prefix, n);
  }

  #range(after: number) {
    return { gt: this.#key(after), lt: `${this.#prefix}:` };
  }
}

/** What was {@link DurableQueue.release | released} of the queue `name`, up to the number `last`. */
export async function* releasedEntries(
  store: Store,
  name: string,
  last: number,
): AsyncGenerator<{ readonly key: string; readonly value: Uint8Array; readonly at: number }, void, undefined> {
  const range = { gt: keyOf(`${name}/`, 0), lte: keyOf(`${name}/`, last) };
  for await (const [key, stored] of store.iterator(range)) {
    yield { key, value: storedValue(stored), at: timeOf(stored) };
  }
}

/** The value of an entry, of what is stored under its key. */
export function storedValue(stored: Uint8Array): Uint8Array {
  return stored.subarray(TIME_BYTES);
}

function keyOf(prefix: string, n: number): string {
  return prefix + String(n).padStart(DIGITS, '0');
}

function timed(at: number, value: Uint8Array): Uint8Array {
  const stored = new Uint8Array(TIME_BYTES + value.length);
  new DataView(stored.buffer).setFloat64(0, at);
  stored.set(value, TIME_BYTES);
  return stored;
}

/** @throws `STATE_CORRUPT` */
function timeOf(stored: Uint8Array): number {
  if (stored.length < TIME_BYTES) throw new SealMQError('STATE_CORRUPT', 'a queue entry is cut off');
  return new DataView(stored.buffer, stored.byteOffset).getFloat64(0);
}
