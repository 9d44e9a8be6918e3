import type { PendingOperation, PendingPut, Store, StoreOperation } from '../ports/store.js';
import type { EntryCodec } from './entries.js';
import { type QueueEntry, QueueValues } from './queue-values.js';
import { createSignal } from './signal.js';

/** How much a queue may hold. */
export interface QueueLimits {
  readonly entries: number;
  readonly bytes: number;
}

/** What memory knows of an entry. */
interface Known {
  readonly at: number;
  readonly size: number;
  /** In the store, so that it may be read. */
  durable: boolean;
  /** May be read from memory before. */
  offered?: boolean;
}

/**
 * A first-in first-out queue in a store. Appending and removing answer store operations for the caller
 * to put into the batch they belong to, so that several queues and counters change together or not at all. Who appends
 * calls {@link DurableQueue.confirm} when that batch is durable: before, nobody reads the entry.
 */
export class DurableQueue<T> {
  readonly #limits: QueueLimits;
  readonly #now: () => number;
  /** In order. */
  readonly #known = new Map<number, Known>();
  readonly #values: QueueValues<T>;
  readonly #changed = createSignal();
  #bytes = 0;
  #next = 1;

  private constructor(values: QueueValues<T>, limits: QueueLimits, now: () => number) {
    this.#values = values;
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Opens the queue `name` with what an earlier process left in it.
   *
   * @param after - entries up to this number were {@link DurableQueue.release | released}: they are not in the queue
   */
  static async open<T>(
    { store, now }: { readonly store: Store; readonly now: () => number },
    name: string,
    codec: EntryCodec<T>,
    limits: QueueLimits,
    after = 0,
  ): Promise<DurableQueue<T>> {
    const values = new QueueValues(store, name, codec);
    const queue = new DurableQueue(values, limits, now);
    queue.#next = after + 1;
    for await (const { n, at, size } of values.sizes(after)) queue.#add(n, { at, size, durable: true });
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
  append(value: T): { readonly n: number; readonly operation: PendingOperation } {
    const n = this.#next;
    return { n, operation: this.#put(n, this.#now(), value, false) };
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
  replace(n: number, value: T): PendingOperation {
    const { at } = this.#known.get(n) ?? { at: this.#now() };
    return this.#put(n, at, value, true);
  }

  /** Takes the entry `n` out. */
  remove(n: number): StoreOperation {
    this.#bytes -= this.#known.get(n)?.size ?? 0;
    this.#known.delete(n);
    this.#values.forget(n);
    this.#changed.notify();
    return { type: 'del', key: this.#values.key(n) };
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
  async read(after: number, limit: number): Promise<QueueEntry<T>[]> {
    const known = this.#readKnown(after, limit);
    // Released entries lie before these and among them, any number of them.
    return known ?? this.#values.read(Math.max(after, this.passed), limit, (n) => this.#known.has(n));
  }

  /** The value of the entry `n`, if it is in the queue and may be read. */
  async find(n: number): Promise<T | undefined> {
    return this.#known.get(n)?.durable ? this.#values.find(n) : undefined;
  }

  /** What memory has of the entries after `after`; `undefined` when the first of them lies in the store only. */
  #readKnown(after: number, limit: number): QueueEntry<T>[] | undefined {
    const entries: QueueEntry<T>[] = [];
    for (const [n, { durable, offered }] of this.#known) {
      if (n <= after) continue;
      if (entries.length === limit) break;
      const value = durable ? this.#values.known(n) : offered ? this.#values.held(n) : undefined;
      if (value !== undefined) entries.push({ n, value });
      else return durable && entries.length === 0 ? undefined : entries;
    }
    return entries;
  }

  /** All durable entries, in order, as they are when the iteration begins. */
  entries(): AsyncGenerator<QueueEntry<T>, void, undefined> {
    return this.#values.entries(this.passed);
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

  #put(n: number, at: number, value: T, durable: boolean): PendingPut {
    const put = this.#values.put(n, at, value);
    this.#bytes -= this.#known.get(n)?.size ?? 0;
    this.#add(n, { at, size: put.size, durable });
    return put;
  }

  #add(n: number, known: Known): void {
    this.#known.set(n, known);
    this.#bytes += known.size;
    this.#next = Math.max(this.#next, n + 1);
  }
}
