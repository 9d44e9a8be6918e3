import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isCounter } from '../bytes/fields.js';
import { asSealMQError, isSealMQError, SealMQError } from '../errors.js';
import type { PendingOperation, Store } from '../ports/store.js';
import { type Capacity, createCapacity } from './capacity.js';
import { type Context, seconds } from './context.js';
import { DurableQueue, type QueueLimits } from './durable-queue.js';
import { type OutboxEntry, outboxCodec } from './entries.js';
import { createExpiries } from './expiries.js';
import type { Notices } from './notices.js';
import type { QueueEntry } from './queue-values.js';
import type { SentBox } from './sent-box.js';
import { sentKey, type Tracking } from './tracking.js';

/** Publishes that may wait for their acknowledgement at a time. */
const WINDOW = 256;

/** Pauses before what the broker does not take now goes out again, in milliseconds: the first, which doubles, and the longest. */
const NOT_YET = { first: 1000, longest: 60_000 };

/** What is to be sent: every entry stays until the broker has acknowledged it, over crashes and disconnects. */
export interface Outbox {
  readonly queue: DurableQueue<OutboxEntry>;
  /** Room for an entry. What waits for receipts takes some as well: a peer that never answers must not fill the disk. */
  readonly capacity: Capacity;
  /**
   * Keeps `entry`, its `companion` and the caller's `operations` in one batch; entries become durable in the order of the
   * calls. The answer is about `entry`.
   */
  put(entry: OutboxEntry, operations: readonly PendingOperation[], companion?: OutboxEntry): Posted;
  /** Whether a message is still on its first way to the broker. */
  isPending(key: string): boolean;
  /** The connection came (true) or went: everything that is not acknowledged is published again, in order. */
  connected(up: boolean): void;
  /** Waits until all is acknowledged, but at most `patience` milliseconds; then stops. */
  close(patience: number): Promise<void>;
}

/** The two things that happen to an entry. */
export interface Posted {
  /** Resolves when it is in the store. @throws `STATE_UNAVAILABLE` */
  readonly durable: Promise<void>;
  /** Resolves when the broker has acknowledged it. */
  readonly acknowledged: Promise<void>;
}

interface Appended {
  readonly entry: OutboxEntry;
  readonly n: number;
  readonly operation: PendingOperation;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** The number up to which all entries are acknowledged: what is stored of them is the sent box's. */
const ACKNOWLEDGED_KEY = 'outbox-acknowledged';

/** The number up to which an earlier process had all entries acknowledged. @throws `STATE_CORRUPT` */
export async function acknowledgedSoFar(store: Store): Promise<number> {
  const bytes = await store.get(ACKNOWLEDGED_KEY);
  const last = bytes === undefined ? 0 : decodeCbor(bytes);
  if (!isCounter(last)) throw new SealMQError('STATE_CORRUPT', 'the number of the last acknowledged entry is not one');
  return last;
}

/**
 * Opens the outbox of `context.store`.
 *
 * @param acknowledged - as {@link acknowledgedSoFar}
 */
export async function openOutbox(
  context: Context,
  acknowledged: number,
  sentBox: SentBox,
  tracking: Tracking,
  notices: Notices,
  limits: QueueLimits,
): Promise<Outbox> {
  const queue = await DurableQueue.open(context, 'outbox', outboxCodec, limits, acknowledged);
  const waiters = new Map<number, Waiter>();
  const inFlight = new Set<number>();
  const pending = new Set<string>();
  const expiries = createExpiries(
    () => context.now(),
    (n) => expire(n).catch(stumble),
  );
  let up = false;
  let closed = false;
  let cursor = 0;
  /** Whether everything that is not on its way is to go out again. */
  let isRewound = false;
  let pause = NOT_YET.first;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const stumble = (cause: unknown) =>
    context.events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', 'the outbox stumbled'));

  /**
   * Acknowledged entries whose receipts are waited for go to the sent box, where they lie; expired ones as well, since those who
   * wait for the number are to be told. What is acknowledged before an earlier one is, a crash may send again.
   */
  const finish = async (n: number, entry: OutboxEntry, error?: SealMQError) => {
    const isAwaited = entry.devices.length > 0 && !context.contacts.isBlocked(entry.to);
    const isKept = isAwaited && (!error || error.code === 'STATE_EXPIRED');
    const taken = isKept ? [] : [queue.remove(n)];
    if (isKept) sentBox.adopt(entry, queue.release(n));
    pending.delete(keyOf(entry));
    expiries.forget(n);
    if (error) tracking.failed(keyOf(entry), error);
    await context.commit([...taken, { type: 'put', key: ACKNOWLEDGED_KEY, value: encodeCbor(queue.passed) }]);
    const waiter = waiters.get(n);
    waiters.delete(n);
    if (error) waiter?.reject(error);
    else waiter?.resolve();
    if (!error) await notices.acknowledged(entry);
  };

  const finishExpired = (n: number, entry: OutboxEntry) =>
    finish(n, entry, new SealMQError('STATE_EXPIRED', 'expired unsent'));

  /** Whoever waits for the entry is told in time, also while there is no connection. */
  const expire = async (n: number) => {
    const entry = await queue.find(n);
    if (!entry) return;
    // What is on its way may still arrive in time, or come back unacknowledged.
    if (inFlight.has(n)) expiries.watch(n, seconds(context) + 1);
    else await finishExpired(n, entry);
  };

  /** The broker took a message not now, and perhaps later: it goes out again, after pauses that grow while it takes nothing. */
  const tryLater = (error: SealMQError) => {
    if (timer || closed) return;
    context.events.emit('warning', error);
    timer = setTimeout(() => {
      timer = undefined;
      rewind();
    }, pause);
    pause = Math.min(pause * 2, NOT_YET.longest);
  };
  const rewind = () => {
    isRewound = true;
    queue.notify();
  };

  const publish = async ({ n, value: entry }: QueueEntry<OutboxEntry>) => {
    const expiresIn = entry.expiresAt === undefined ? undefined : entry.expiresAt - seconds(context);
    if (expiresIn !== undefined && expiresIn <= 0) return finishExpired(n, entry);
    try {
      await context.transport.publish(entry.topic, entry.sealed, {
        qos: 1,
        ...(expiresIn !== undefined && { expiresIn }),
      });
    } catch (error) {
      // Only a broker that says no is final; whatever else happened, the entry goes out again, after a pause or the reconnect.
      if (isSealMQError(error, 'TRANSPORT_REFUSED')) return finish(n, entry, error);
      if (isSealMQError(error, 'TRANSPORT_UNREACHABLE')) tryLater(error);
      return;
    }
    pause = NOT_YET.first;
    await finish(n, entry);
  };

  const start = (entry: QueueEntry<OutboxEntry>) => {
    inFlight.add(entry.n);
    publish(entry)
      .catch(stumble)
      .finally(() => {
        inFlight.delete(entry.n);
        queue.notify();
      });
  };

  const work = async () => {
    while (!closed) {
      const changed = queue.changed();
      if (isRewound) cursor = 0;
      isRewound = false;
      const room = WINDOW - inFlight.size;
      const entries = up && room > 0 ? await queue.read(cursor, room) : [];
      for (const entry of entries) {
        // The connection may have gone while the entries were read.
        if (!up) break;
        cursor = entry.n;
        if (!inFlight.has(entry.n)) start(entry);
      }
      if (entries.length === 0) await changed;
    }
  };
  const capacity = createCapacity({
    limits,
    used: () => ({ entries: queue.depth + sentBox.depth, bytes: queue.bytes + sentBox.bytes }),
    changed: () => Promise.race([queue.changed(), sentBox.changed()]),
    full: 'the outbox is full',
  });

  const append = (entry: OutboxEntry): Appended => {
    pending.add(keyOf(entry));
    return { entry, ...queue.append(entry) };
  };

  for await (const { n, value: entry } of queue.entries()) {
    pending.add(keyOf(entry));
    expiries.watch(n, entry.expiresAt);
  }
  const working = work().catch(stumble);

  return {
    queue,
    capacity,
    isPending: (key) => pending.has(key),
    put(entry, operations, companion) {
      const added = companion ? [append(entry), append(companion)] : [append(entry)];
      const [{ n }] = added as [Appended];
      const acknowledged = new Promise<void>((resolve, reject) => {
        // Kept all the same, for the next time.
        if (closed) reject(closedError());
        else waiters.set(n, { resolve, reject });
      });
      // Most callers do not look at it.
      acknowledged.catch(() => {});
      const durable = context.tryCommit([...operations, ...added.map(({ operation }) => operation)]).then(
        () => {
          for (const one of added) {
            expiries.watch(one.n, one.entry.expiresAt);
            queue.confirm(one.n);
          }
        },
        (error: unknown) => {
          for (const one of added) {
            queue.remove(one.n);
            pending.delete(keyOf(one.entry));
          }
          tracking.failed(keyOf(entry), asSealMQError(error, 'STATE_UNAVAILABLE', 'the message was not kept'));
          waiters.delete(n);
          throw error;
        },
      );
      return { durable, acknowledged };
    },
    connected(state) {
      up = state;
      rewind();
    },
    async close(patience) {
      // What left the queue counts until that is written, and whoever waits for it is told.
      await queue.settled(() => up && (queue.depth > 0 || inFlight.size > 0), patience);
      closed = true;
      expiries.close();
      clearTimeout(timer);
      capacity.close();
      queue.notify();
      await working;
      for (const waiter of waiters.values()) waiter.reject(closedError());
    },
  };
}

function closedError(): SealMQError {
  return new SealMQError('USAGE_CLOSED', 'closed before it was acknowledged');
}

function keyOf({ to, stream, seq }: OutboxEntry): string {
  return sentKey(to, stream, seq);
}
