import type { StoreOperation } from '../ports/store.js';
import type { Place } from '../protocol/envelope/topics.js';
import type { Context } from './context.js';
import { DurableQueue, type QueueLimits } from './durable-queue.js';
import { inboxCodec, type OpenedEntry, openedCodec, type QuarantineEntry, quarantineCodec } from './entries.js';

/** How much may wait at each station. */
export interface InboxLimits {
  readonly inbox: QueueLimits;
  readonly quarantine: QueueLimits;
}

/**
 * The stations of a received message, each of them durable: the inbox (as it came), the quarantine (not to be opened yet),
 * and the opened messages that wait for the application. A message moves from one to the next in one batch.
 */
export class Inbox {
  private constructor(
    private readonly context: Context,
    readonly raw: DurableQueue,
    readonly quarantine: DurableQueue,
    readonly opened: DurableQueue,
    /** What the application's handler threw on again and again: kept, never handed out by itself. */
    readonly failed: DurableQueue,
  ) {}

  static async open(context: Context, limits: InboxLimits): Promise<Inbox> {
    const open = (name: string, limit: QueueLimits) => DurableQueue.open(context, name, limit);
    return new Inbox(
      context,
      await open('inbox', limits.inbox),
      await open('quarantine', limits.quarantine),
      await open('opened', limits.inbox),
      await open('failed', limits.quarantine),
    );
  }

  /** Keeps a message as it came; durable when the promise resolves. */
  async receive(place: Place, sealed: Uint8Array): Promise<void> {
    const entry = { ...place, sealed, receivedAt: Math.floor(this.context.now()) };
    const { n, operation } = this.raw.append(inboxCodec.encode(entry));
    try {
      await this.context.tryCommit([operation]);
    } catch (error) {
      this.raw.remove(n);
      throw error;
    }
    this.raw.confirm(n);
  }

  /** Whether anything more should be read from the network. */
  get full(): boolean {
    return this.raw.full || this.opened.full;
  }

  get roomy(): boolean {
    return this.raw.roomy && this.opened.roomy;
  }

  /** Resolves when something was taken out, or came. */
  async changed(): Promise<void> {
    await Promise.race([this.raw.changed(), this.opened.changed()]);
  }

  /** Moves an entry to the opened ones, together with `operations`. */
  hand(taken: StoreOperation, entry: OpenedEntry, operations: readonly StoreOperation[]): void {
    const { n, operation } = this.opened.append(openedCodec.encode(entry));
    this.#commit([taken, operation, ...operations], () => this.opened.confirm(n));
  }

  /** Moves an entry to the quarantine. */
  hold(taken: StoreOperation, entry: QuarantineEntry): void {
    const { n, operation } = this.quarantine.append(quarantineCodec.encode(entry));
    this.#commit([taken, operation], () => this.quarantine.confirm(n));
  }

  /** Moves an opened entry to the failed ones; the oldest of them makes room. */
  setAside(taken: StoreOperation, entry: OpenedEntry): void {
    const { n, operation } = this.failed.append(openedCodec.encode(entry));
    this.#commit([taken, operation, ...this.failed.removeOldest()], () => this.failed.confirm(n));
  }

  /** Forgets an entry, together with `operations`. */
  drop(taken: StoreOperation, operations: readonly StoreOperation[] = []): void {
    this.#commit([taken, ...operations]);
  }

  /** Writes without waiting: whoever needs to know commits an empty batch behind it, when a round of entries is through. */
  #commit(operations: readonly StoreOperation[], then = () => {}): void {
    this.context.commit(operations).then(then, () => {});
  }
}
