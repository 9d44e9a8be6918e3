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

/**
 * A first-in first-out queue under a prefix of a store. Appending and removing answer store operations for the caller
 * to put into the batch they belong to, so that several queues and counters change together or not at all.
 */
export class DurableQueue {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #limits: QueueLimits;
  readonly #now: () => number;
  /** In order. */
  readonly #held = new Map<number, { readonly at: number; size: number }>();
  readonly #changed = createSignal();
  #bytes = 0;
  #next = 1;

  private constructor(store: Store, prefix: string, limits: QueueLimits, now: () => number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#limits = limits;
    this.#now = now;
  }

  /** Opens the queue `name` with what an earlier process left in it. */
  static async open(
    { store, now }: { readonly store: Store; readonly now: () => number },
    name: string,
    limits: QueueLimits,
  ): Promise<DurableQueue> {
    const queue = new DurableQueue(store, `${name}/`, limits, now);
    for await (const [key, stored] of store.iterator(queue.#range(0))) {
      queue.#count(Number(key.slice(-DIGITS)), stored.length - TIME_BYTES, timeOf(stored));
    }
    return queue;
  }

  get depth(): number {
    return this.#held.size;
  }

  /** When the first entry came, in milliseconds. */
  get oldest(): number | undefined {
    for (const { at } of this.#held.values()) return at;
    return undefined;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#held.size >= this.#limits.entries || this.#bytes >= this.#limits.bytes;
  }

  /** Whether the queue has drained to half of its limits. */
  get roomy(): boolean {
    return this.#held.size <= this.#limits.entries / 2 && this.#bytes <= this.#limits.bytes / 2;
  }

  /** Takes the next number for `value`; it is in the queue when the operation is durable. */
  append(value: Uint8Array): { readonly n: number; readonly operation: StoreOperation } {
    const n = this.#next;
    const at = this.#now();
    this.#count(n, value.length, at);
    return { n, operation: { type: 'put', key: this.#key(n), value: timed(at, value) } };
  }

  /** Replaces the value of an entry. */
  replace(n: number, value: Uint8Array): StoreOperation {
    const { at, size } = this.#held.get(n) ?? { at: this.#now(), size: 0 };
    this.#bytes += value.length - size;
    this.#held.set(n, { at, size: value.length });
    return { type: 'put', key: this.#key(n), value: timed(at, value) };
  }

  /** Takes the entry `n` out. */
  remove(n: number): StoreOperation {
    this.#bytes -= this.#held.get(n)?.size ?? 0;
    this.#held.delete(n);
    this.#changed.notify();
    return { type: 'del', key: this.#key(n) };
  }

  /** Takes out the oldest entries while the queue is over its limits. */
  removeOldest(): StoreOperation[] {
    const operations: StoreOperation[] = [];
    for (const n of this.#held.keys()) {
      if (!this.full) break;
      operations.push(this.remove(n));
    }
    return operations;
  }

  /** Up to `limit` durable entries after the number `after`, in order. */
  async read(after: number, limit: number): Promise<QueueEntry[]> {
    const entries: QueueEntry[] = [];
    for await (const [key, stored] of this.#store.iterator({ ...this.#range(after), limit })) {
      const n = Number(key.slice(-DIGITS));
      if (this.#held.has(n)) entries.push({ n, value: stored.subarray(TIME_BYTES) });
    }
    return entries;
  }

  /** All durable entries, in order, as they are when the iteration begins. */
  async *entries(): AsyncGenerator<QueueEntry, void, undefined> {
    for await (const [key, stored] of this.#store.iterator(this.#range(0)))
      yield { n: Number(key.slice(-DIGITS)), value: stored.subarray(TIME_BYTES) };
  }

  /** Resolves at the next {@link notify} or removal. */
  changed(): Promise<void> {
    return this.#changed.wait();
  }

  /** Wakes who waits for {@link changed}: call it when an appended entry is durable. */
  notify(): void {
    this.#changed.notify();
  }

  #count(n: number, size: number, at: number): void {
    this.#held.set(n, { at, size });
    this.#bytes += size;
    this.#next = Math.max(this.#next, n + 1);
  }

  #key(n: number): string {
    return this.#prefix + String(n).padStart(DIGITS, '0');
  }

  #range(after: number) {
    return { gt: this.#key(after), lt: `${this.#prefix}:` };
  }
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
