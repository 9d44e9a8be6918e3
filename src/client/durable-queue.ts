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

/**
 * A first-in first-out queue under a prefix of a store. Appending and removing answer store operations for the caller
 * to put into the batch they belong to, so that several queues and counters change together or not at all.
 */
export class DurableQueue {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #limits: QueueLimits;
  readonly #sizes = new Map<number, number>();
  readonly #changed = createSignal();
  #bytes = 0;
  #next = 1;

  private constructor(store: Store, prefix: string, limits: QueueLimits) {
    this.#store = store;
    this.#prefix = prefix;
    this.#limits = limits;
  }

  /** Opens the queue `name` with what an earlier process left in it. */
  static async open(store: Store, name: string, limits: QueueLimits): Promise<DurableQueue> {
    const queue = new DurableQueue(store, `${name}/`, limits);
    for await (const { n, value } of queue.entries()) queue.#count(n, value.length);
    return queue;
  }

  get depth(): number {
    return this.#sizes.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#sizes.size >= this.#limits.entries || this.#bytes >= this.#limits.bytes;
  }

  /** Whether the queue has drained to half of its limits. */
  get roomy(): boolean {
    return this.#sizes.size <= this.#limits.entries / 2 && this.#bytes <= this.#limits.bytes / 2;
  }

  /** Takes the next number for `value`; it is in the queue when the operation is durable. */
  append(value: Uint8Array): { readonly n: number; readonly operation: StoreOperation } {
    const n = this.#next;
    this.#count(n, value.length);
    return { n, operation: { type: 'put', key: this.#key(n), value } };
  }

  /** Replaces the value of an entry. */
  replace(n: number, value: Uint8Array): StoreOperation {
    this.#bytes += value.length - (this.#sizes.get(n) ?? 0);
    this.#sizes.set(n, value.length);
    return { type: 'put', key: this.#key(n), value };
  }

  /** Takes the entry `n` out. */
  remove(n: number): StoreOperation {
    this.#bytes -= this.#sizes.get(n) ?? 0;
    this.#sizes.delete(n);
    this.#changed.notify();
    return { type: 'del', key: this.#key(n) };
  }

  /** Takes out the oldest entries while the queue is over its limits. */
  removeOldest(): StoreOperation[] {
    const operations: StoreOperation[] = [];
    for (const n of this.#sizes.keys()) {
      if (!this.full) break;
      operations.push(this.remove(n));
    }
    return operations;
  }

  /** Up to `limit` durable entries after the number `after`, in order. */
  async read(after: number, limit: number): Promise<QueueEntry[]> {
    const entries: QueueEntry[] = [];
    for await (const [key, value] of this.#store.iterator({ ...this.#range(after), limit })) {
      const n = Number(key.slice(-DIGITS));
      if (this.#sizes.has(n)) entries.push({ n, value });
    }
    return entries;
  }

  /** All durable entries, in order, as they are when the iteration begins. */
  async *entries(): AsyncGenerator<QueueEntry, void, undefined> {
    for await (const [key, value] of this.#store.iterator(this.#range(0)))
      yield { n: Number(key.slice(-DIGITS)), value };
  }

  /** Resolves at the next {@link notify} or removal. */
  changed(): Promise<void> {
    return this.#changed.wait();
  }

  /** Wakes who waits for {@link changed}: call it when an appended entry is durable. */
  notify(): void {
    this.#changed.notify();
  }

  #count(n: number, length: number): void {
    this.#sizes.set(n, length);
    this.#bytes += length;
    this.#next = Math.max(this.#next, n + 1);
  }

  #key(n: number): string {
    return this.#prefix + String(n).padStart(DIGITS, '0');
  }

  #range(after: number) {
    return { gt: this.#key(after), lt: `${this.#prefix}:` };
  }
}
