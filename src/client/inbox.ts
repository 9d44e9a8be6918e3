import type { PendingOperation, StoreOperation } from '../ports/store.js';
import type { Place } from '../protocol/envelope/topics.js';
import type { Context } from './context.js';
import { DurableQueue, type QueueLimits } from './durable-queue.js';
import { createEchoes } from './echoes.js';
import {
  type InboxEntry,
  inboxCodec,
  type OpenedEntry,
  openedCodec,
  type QuarantineEntry,
  quarantineCodec,
} from './entries.js';

/** How much may wait at each station. */
export interface InboxLimits {
  readonly inbox: QueueLimits;
  readonly quarantine: QueueLimits;
}

/** A message that has come, and is acknowledged when it is settled. */
export interface Arrived {
  readonly entry: InboxEntry;
  /** What became of it is in the store when `durable` resolves; when it rejects, the broker is to send the message again. */
  settle(durable: Promise<void>): void;
}

/** As many entries may wait in the inbox before what comes has to wait unacknowledged no longer. */
const BACKLOG = 256;

/**
 * The stations of a received message: it has come, and then, each of them durable, the inbox (as it came), the quarantine (not to
 * be opened yet), and the opened messages that wait for the application. A message moves from one to the next in one batch;
 * while mail is opened as fast as it comes, it goes from the first to the last.
 */
export class Inbox {
  readonly #arrived: Arrived[] = [];
  #arrivedBytes = 0;
  /** What has come and is not settled yet. */
  readonly #unsettled = new Set<Uint8Array>();
  /** What the broker will bring again, since it could not be written when it came, or came behind such a one. */
  readonly #refused = createEchoes();
  /** Who opens mail waits for something that may take long. */
  #isAway = false;

  private constructor(
    private readonly context: Context,
    readonly raw: DurableQueue<InboxEntry>,
    readonly quarantine: DurableQueue<QuarantineEntry>,
    readonly opened: DurableQueue<OpenedEntry>,
    /** What the application's handler threw on again and again: kept, never handed out by itself. */
    readonly failed: DurableQueue<OpenedEntry>,
  ) {}

  static async open(context: Context, limits: InboxLimits): Promise<Inbox> {
    const { inbox, quarantine } = limits;
    return new Inbox(
      context,
      await DurableQueue.open(context, 'inbox', inboxCodec, inbox),
      await DurableQueue.open(context, 'quarantine', quarantineCodec, quarantine),
      await DurableQueue.open(context, 'opened', openedCodec, inbox),
      await DurableQueue.open(context, 'failed', openedCodec, quarantine),
    );
  }

  /** Takes a message as it came; what became of it is durable when the promise resolves. */
  receive(place: Place, sealed: Uint8Array): Promise<void> {
    const entry = { ...place, sealed, receivedAt: Math.floor(this.context.now()) };
    this.#unsettled.add(sealed);
    return new Promise((resolve, reject) => {
      const settled = () => {
        this.#unsettled.delete(sealed);
        resolve();
      };
      // The connection ends by that, so that nothing behind it is acknowledged either.
      const refused = (error: unknown) => {
        for (const each of this.#unsettled) this.#refused.note(each);
        this.#unsettled.delete(sealed);
        reject(error);
      };
      this.#arrived.push({ entry, settle: (durable) => void durable.then(settled, refused) });
      this.#arrivedBytes += sealed.length;
      if (this.#isAway || this.raw.depth > BACKLOG) this.#keepArrived();
      else this.raw.notify();
    });
  }

  /** Whether the broker has to bring a message again, that may have been seen for all that: it is no news that it is there. */
  isBroughtAgain(sealed: Uint8Array): boolean {
    return this.#refused.has(sealed);
  }

  /** The next message that has come, to be settled by who opens it; none before all of the inbox is opened. */
  nextArrived(): Arrived | undefined {
    const next = this.raw.depth === 0 ? this.#arrived.shift() : undefined;
    this.#arrivedBytes -= next?.entry.sealed.length ?? 0;
    return next;
  }

  /**
   * Puts a message into the inbox as it came; answers its number there. It is durable soon: who opens it can go on, since
   * what it writes comes behind.
   */
  keep({ entry, settle }: Arrived): number {
    const { n, operation } = this.raw.append(owned(entry));
    settle(
      this.context.tryCommit([operation]).then(
        () => this.raw.confirm(n),
        (error: unknown) => {
          this.raw.remove(n);
          throw error;
        },
      ),
    );
    return n;
  }

  /** Who opens mail may not be back soon: until then what comes is kept as it is. */
  leave(): void {
    this.#isAway = true;
    this.#keepArrived();
  }

  comeBack(): void {
    this.#isAway = false;
  }

  #keepArrived(): void {
    for (const arrived of this.#arrived.splice(0)) this.keep(arrived);
    this.#arrivedBytes = 0;
  }

  /** Whether anything more should be read from the network. */
  get full(): boolean {
    const isFull = (queue: DurableQueue<unknown>) => queue.fullWith(this.#arrived.length, this.#arrivedBytes);
    return isFull(this.raw) || isFull(this.opened);
  }

  get roomy(): boolean {
    return this.raw.roomy && this.opened.roomy;
  }

  /** Resolves when something was taken out, or came. */
  async changed(): Promise<void> {
    await Promise.race([this.raw.changed(), this.opened.changed()]);
  }

  /**
   * Moves what came to the opened entries, together with `operations`. The application may have them while that is being written,
   * and what it is done with by then is not written at all: until that is durable the broker has no acknowledgement either.
   */
  hand(
    taken: readonly StoreOperation[],
    entries: readonly Omit<OpenedEntry, 'failures'>[],
    operations: readonly StoreOperation[],
  ): void {
    const opened = entries.map((entry) => this.opened.append({ ...entry, failures: 0 }));
    this.#commit([...taken, ...opened.map(({ operation }) => operation), ...operations], () => {
      for (const { n } of opened) this.opened.confirm(n);
    });
    for (const { n } of opened) this.opened.offer(n);
  }

  /** Moves an entry to the quarantine. */
  hold(taken: readonly StoreOperation[], entry: QuarantineEntry): void {
    const { n, operation } = this.quarantine.append(owned(entry));
    this.#commit([...taken, operation], () => this.quarantine.confirm(n));
  }

  /** Moves an opened entry to the failed ones; the oldest of them makes room. */
  setAside(taken: StoreOperation, entry: OpenedEntry): void {
    const { n, operation } = this.failed.append(entry);
    this.#commit([taken, operation, ...this.failed.removeOldest()], () => this.failed.confirm(n));
  }

  /** Forgets an entry, together with `operations`. */
  drop(taken: readonly StoreOperation[], operations: readonly StoreOperation[] = []): void {
    this.#commit([...taken, ...operations]);
  }

  /** Writes without waiting: whoever needs to know commits an empty batch behind it, when a round of entries is through. */
  #commit(operations: readonly PendingOperation[], then = () => {}): void {
    this.context.commit(operations).then(then, () => {});
  }
}

/** In memory of its own: what the network brings is a part of what was read at once, and that is not to stay as long. */
function owned<E extends InboxEntry>(entry: E): E {
  return { ...entry, sealed: new Uint8Array(entry.sealed) };
}
