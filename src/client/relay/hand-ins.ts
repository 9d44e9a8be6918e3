import { equal } from '../../bytes/bytes.js';
import { asSealMQError, isSealMQError, SealMQError } from '../../errors.js';
import type { PendingOperation, StoreOperation } from '../../ports/store.js';
import { topicOf } from '../../protocol/envelope/topics.js';
import { HAND_IN_WINDOW, handInTopic, type RelayAnswer } from '../../protocol/relay/index.js';
import { type Capacity, createCapacity } from '../capacity.js';
import { type Context, seconds } from '../context.js';
import type { DirectoryClock } from '../directory-clock.js';
import { DurableQueue, type QueueLimits } from '../durable-queue.js';
import type { SentBox } from '../sent-box.js';
import { putShared } from '../shared-bodies.js';
import { sentKey, type Tracking } from '../tracking.js';
import type { Answers } from './answers.js';
import { type CopyOutcome, outcomesOf, refusalIn } from './copy-outcome.js';
import { createFlights, type Flight } from './flights.js';
import { type HandInEntry, type HandInReceiver, handInCodec, type MadeHandIn } from './hand-in-entry.js';
import { makeHandIn, refreshRelay } from './make-hand-in.js';

/** What is to be handed in at the relay: every entry stays until it is answered, over crashes and disconnects. */
export interface HandIns {
  readonly queue: DurableQueue<HandInEntry>;
  /** Room for an entry. */
  readonly capacity: Capacity;
  /**
   * Keeps `entry`. `write` commits the operation together with what belongs to it.
   *
   * @returns `durable` as `write` says; `outcomes` when the relay has answered
   */
  put(entry: HandInEntry, write: (operation: PendingOperation) => Promise<void>): HandedIn;
  /** Whether a message has not been answered yet. */
  isPending(key: string): boolean;
  connected(up: boolean): void;
  /** Waits until all is answered, but at most `patience` milliseconds; then stops. */
  close(patience: number): Promise<void>;
}

/** The two things that happen to an entry. */
export interface HandedIn {
  readonly durable: Promise<void>;
  readonly outcomes: Promise<readonly CopyOutcome[]>;
}

/** What {@link openHandIns} needs besides the context. */
export interface HandInParts {
  readonly sentBox: SentBox;
  readonly tracking: Tracking;
  readonly answers: Answers;
  readonly clock: Pick<DirectoryClock, 'hear'>;
  readonly limits: QueueLimits;
  /** First pause before a hand-in that is not answered goes out again, in milliseconds. */
  readonly againAfter: number;
}

/** Hand-ins that may wait for an answer at a time: no two of them for the same receiver, which keeps their order. */
const WINDOW = 64;

/** How much of the queue is looked through for hand-ins that need not wait for others. */
const SCANNED = 512;

/** A hand-in this old, in seconds, is made anew rather than sent again: the relay would call it stale. */
const TOO_OLD = HAND_IN_WINDOW - 60;

/** Attempts without an answer after which the relay's keys are looked up anew. */
const UNANSWERED = 2;

interface Waiter {
  resolve(outcomes: readonly CopyOutcome[]): void;
  reject(error: unknown): void;
}

/** Opens the queue under `hand-in/` of the store. */
export async function openHandIns(context: Context, parts: HandInParts): Promise<HandIns> {
  const { sentBox, tracking, clock, limits } = parts;
  const queue = await DurableQueue.open(context, 'hand-in', handInCodec, limits);
  /** Receivers by number in the queue, in its order. */
  const known = new Map<number, readonly HandInReceiver[]>();
  const pending = new Set<string>();
  const waiters = new Map<number, Waiter>();
  const flights = createFlights(parts.againAfter);
  /** Entries that have left the queue, and are still to be written off. */
  let finishing = 0;
  let up = false;
  let closed = false;

  const stumble = (cause: unknown) =>
    context.events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', 'handing in stumbled'));
  const remember = (n: number, { stream, receivers }: HandInEntry) => {
    known.set(n, receivers);
    for (const { to, seq } of receivers) pending.add(sentKey(to, stream, seq));
  };
  const forget = (n: number, { stream, receivers }: HandInEntry) => {
    known.delete(n);
    for (const { to, seq } of receivers) pending.delete(sentKey(to, stream, seq));
  };

  /** Copies whose receipts are waited for go to the sent box, in the batch that takes the entry out of the queue. */
  const finish = async (n: number, entry: HandInEntry, outcomes: readonly CopyOutcome[]) => {
    const { id, stream, sealed, expiresAt } = entry;
    const kept: StoreOperation[] = [];
    for (const [i, { to, seq, devices }] of entry.receivers.entries()) {
      const outcome = outcomes[i] as CopyOutcome;
      if (outcome.kind === 'refused') tracking.failed(sentKey(to, stream, seq), outcome.error);
      // What expired is announced to those who wait for its number.
      const isKept = outcome.kind === 'accepted' || outcome.error.code === 'STATE_EXPIRED';
      if (!isKept || devices.length === 0 || context.contacts.isBlocked(to)) continue;
      const topic = topicOf(context.topicPrefix, to, 'message');
      const copy = {
        id,
        to,
        topic,
        stream,
        seq,
        devices,
        sealed: NOTHING,
        via: 'relay' as const,
        shared: true as const,
      };
      kept.push(sentBox.keep(expiresAt === undefined ? copy : { ...copy, expiresAt }));
    }
    const body = kept.length > 0 ? [putShared(id, sealed)] : [];
    forget(n, entry);
    finishing++;
    try {
      await context.commit([queue.remove(n), ...body, ...kept]);
      waiters.get(n)?.resolve(outcomes);
      waiters.delete(n);
    } finally {
      finishing--;
      queue.notify();
    }
  };

  /** The hand-in that goes out: the one that was made, or a new one, which is durable before. */
  const prepared = async (flight: Flight, entry: HandInEntry): Promise<MadeHandIn> => {
    // Who gets no answer may have sealed to a relay that has other keys by now.
    const relay = flight.attempts < UNANSWERED ? undefined : await refreshRelay(context);
    const { made, sealed, receivers } = entry;
    const isYoung = made && Math.abs(seconds(context) - made.issuedAt) < TOO_OLD;
    flight.isNew = !isYoung || (relay !== undefined && !equal(relay.hash, made.relay));
    if (!flight.isNew && made) return made;
    const next = { ...entry, made: await makeHandIn(context, { sealed, receivers: receivers.map(({ to }) => to) }) };
    await context.commit([queue.replace(flight.n, next)]);
    return next.made;
  };

  const goOut = async (flight: Flight) => {
    const entry = await queue.find(flight.n);
    if (!entry || !up) return flights.end(flight);
    if (entry.expiresAt !== undefined && entry.expiresAt <= seconds(context)) {
      flights.end(flight);
      const error = new SealMQError('STATE_EXPIRED', 'expired before the relay had it');
      return finish(
        flight.n,
        entry,
        outcomesOf(entry.receivers, () => error),
      );
    }
    const { nonce, bytes } = await prepared(flight, entry);
    flight.sentAt = context.now();
    flights.named(flight, nonce);
    flight.attempts++;
    await context.transport.publish(handInTopic(context.topicPrefix), bytes, { qos: 1 });
  };

  /** Sends it, and again until it is answered. */
  const send = (flight: Flight): void => {
    if (closed || !up) return;
    flights.wait(flight, () => send(flight));
    goOut(flight)
      .catch((error: unknown) => {
        // Without a connection all of it goes out again when there is one.
        if (isSealMQError(error, 'TRANSPORT_CLOSED')) return;
        if (isSealMQError(error, 'TRANSPORT_REFUSED')) return giveUp(flight, error);
        stumble(error);
      })
      .catch(stumble)
      .finally(() => queue.notify());
  };

  const giveUp = async (flight: Flight, error: SealMQError) => {
    const entry = await queue.find(flight.n);
    flights.end(flight);
    if (entry)
      await finish(
        flight.n,
        entry,
        outcomesOf(entry.receivers, () => error),
      );
  };

  /** Makes it anew: what the relay has called stale is stale in every repetition. */
  const makeAnew = async (flight: Flight, entry: HandInEntry) => {
    const { made: _, ...rest } = entry;
    await context.commit([queue.replace(flight.n, rest)]);
    // The second time in a row it is not the clock any more.
    if (flight.attempts <= 1) send(flight);
  };

  const settle = async (answer: RelayAnswer) => {
    const flight = flights.answered(answer.nonce);
    const entry = flight && (await queue.find(flight.n));
    // Another answer to it may have come meanwhile.
    if (!flight || !entry || flights.answered(answer.nonce) !== flight) return;
    // A repeated answer tells the time of the first one.
    if (flight.isNew) clock.hear(answer.now, flight.sentAt, context.now());
    if (answer.refusal === 'rate-limited') {
      flights.wait(flight, () => send(flight), (answer.retryAfter ?? 1) * 1000);
      return;
    }
    if (answer.refusal === 'stale') return makeAnew(flight, entry);
    flights.end(flight);
    await finish(flight.n, entry, outcomesOf(entry.receivers, refusalIn(answer)));
    queue.notify();
  };
  parts.answers.listen({ awaits: () => flights.size > 0, settle });

  /** Starts what needs not wait for an earlier one to the same receiver. */
  const startFree = () => {
    const busy = new Set<string>();
    let scanned = 0;
    for (const [n, receivers] of known) {
      if (flights.size >= WINDOW || ++scanned > SCANNED) return;
      const isFree = receivers.every(({ to }) => !busy.has(to));
      for (const { to } of receivers) busy.add(to);
      if (isFree && !flights.get(n)) send(flights.begin(n));
    }
  };
  const work = async () => {
    while (!closed) {
      const changed = queue.changed();
      if (up) startFree();
      await changed;
    }
  };

  const capacity = createCapacity({
    limits,
    used: () => ({ entries: queue.depth, bytes: queue.bytes }),
    changed: () => queue.changed(),
    full: 'too many messages wait for the relay',
  });

  for await (const { n, value } of queue.entries()) remember(n, value);
  const working = work().catch(stumble);

  return {
    queue,
    capacity,
    isPending: (key) => pending.has(key),
    put(entry, write) {
      const { n, operation } = queue.append(entry);
      const outcomes = new Promise<readonly CopyOutcome[]>((resolve, reject) => {
        // Kept all the same, for the next time.
        if (closed) reject(closedError());
        else waiters.set(n, { resolve, reject });
      });
      // Most callers do not look at it.
      outcomes.catch(() => {});
      const durable = write(operation).then(
        () => {
          remember(n, entry);
          queue.confirm(n);
        },
        (error: unknown) => {
          queue.remove(n);
          waiters.delete(n);
          throw error;
        },
      );
      return { durable, outcomes };
    },
    connected(state) {
      up = state;
      flights.clear();
      queue.notify();
    },
    async close(patience) {
      // As in the outbox: what left the queue counts until that is written, and whoever waits for it is told.
      await queue.settled(() => finishing > 0 || (up && queue.depth > 0), patience);
      closed = true;
      capacity.close();
      flights.clear();
      queue.notify();
      await working;
      for (const waiter of waiters.values()) waiter.reject(closedError());
    },
  };
}

function closedError(): SealMQError {
  return new SealMQError('USAGE_CLOSED', 'closed before the relay answered');
}

const NOTHING = new Uint8Array(0);
