import { equal } from '../bytes/bytes.js';
import { asSealMQError, isSealMQError, SealMQError } from '../errors.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import { type Context, seconds } from './context.js';
import type { OwnStateEntry } from './entries.js';
import { receiverRecord } from './send.js';

/** What {@link createStatePublisher} publishes. */
export interface StatePublisherParts {
  load(key: string): Promise<OwnStateEntry | undefined>;
  sealFor(record: KeyRecord, entry: OwnStateEntry): Promise<{ readonly topic: string; readonly sealed: Uint8Array }>;
  /** The broker has the entry, sealed for this version of the receiver's record; durable when it resolves. */
  published(key: string, entry: OwnStateEntry, recordVersion: number): Promise<void>;
}

/** Sees to it that the broker retains the newest of each state, sealed to all devices that its receiver has. */
export interface StatePublisher {
  /** A state that an earlier process left. */
  add(key: string, entry: OwnStateEntry): void;
  /** A state that was set; resolves as `StateSet.published`. */
  publish(key: string, entry: OwnStateEntry): Promise<void>;
  /** The connection came or went. A broker that has forgotten our session may have forgotten what it retained. */
  connected(up: boolean, sessionPresent: boolean): void;
  /** Waits at most `patience` milliseconds for what is under way; what is left goes out the next time. */
  close(patience: number): Promise<void>;
}

const RETRY_AFTER = 5000;
const LONGEST_PAUSE = 60_000;

interface Waiter {
  resolve(): void;
  reject(error: SealMQError): void;
}

/** Starts without a connection. */
export function createStatePublisher(context: Context, parts: StatePublisherParts): StatePublisher {
  /** Whom each state is for, and the version of their record that the broker has it under. */
  const states = new Map<string, { readonly to: string; published: number | undefined }>();
  const due = new Set<string>();
  const waiters = new Map<string, Waiter[]>();
  let up = false;
  let closed = false;
  let pause = RETRY_AFTER;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let working: Promise<void> | undefined;

  const settle = (key: string, how: (waiter: Waiter) => void) => {
    const waiting = waiters.get(key) ?? [];
    waiters.delete(key);
    waiting.forEach(how);
  };
  const fail = (key: string, error: SealMQError) => settle(key, ({ reject }) => reject(error));

  const publish = async (key: string): Promise<void> => {
    const entry = await parts.load(key);
    if (!entry) return;
    const expiresIn = entry.expiresAt === undefined ? undefined : entry.expiresAt - seconds(context);
    if (expiresIn !== undefined && expiresIn <= 0) return fail(key, new SealMQError('STATE_EXPIRED', 'expired unsent'));
    const record = await receiverRecord(context, entry.to);
    // Only whoever sets a state may show it to a new identity: a directory that made it up would be handed it otherwise.
    if (!equal(record.identity, entry.identity)) {
      return fail(key, new SealMQError('DIRECTORY_KEY_CHANGED', `${entry.to} has a new identity key: set it again`));
    }
    const { topic, sealed } = await parts.sealFor(record, entry);
    const options = { qos: 1 as const, retain: true, ...(expiresIn !== undefined && { expiresIn }) };
    await context.transport.publish(topic, sealed, options);
    await parts.published(key, entry, record.version);
    // Set again in the meantime: the newer one is due, and its publication settles both.
    if (due.has(key)) return;
    states.set(key, { to: entry.to, published: record.version });
    settle(key, ({ resolve }) => resolve());
  };

  const work = async () => {
    for (const key of due) {
      if (!up || closed) return;
      due.delete(key);
      try {
        await publish(key);
        pause = RETRY_AFTER;
      } catch (error) {
        if (isSealMQError(error, 'TRANSPORT_REFUSED') || isSealMQError(error, 'USAGE_CONTACT_BLOCKED'))
          fail(key, error);
        else {
          due.add(key);
          throw error;
        }
      }
    }
  };
  const start = () => {
    if (!up || closed || due.size === 0) return;
    clearTimeout(timer);
    working ??= work().then(
      () => {
        working = undefined;
        // What became due after the last look.
        start();
      },
      (cause) => {
        working = undefined;
        if (!isSealMQError(cause, 'TRANSPORT_CLOSED')) {
          context.events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', 'a state is not published yet'));
        }
        timer = setTimeout(start, pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      },
    );
  };
  const enqueue = (key: string) => {
    due.add(key);
    start();
  };

  /** States of receivers whose record is another than the one they were sealed for are sealed anew. */
  const catchUp = async (address: string) => {
    const record = await context.keys.record(address).catch(() => undefined);
    for (const [key, { to, published }] of states) {
      if (to === address && record && published !== record.version) enqueue(key);
    }
  };
  const unlisten = context.events.on('devicesChanged', ({ address }) => void catchUp(address));

  return {
    add(key, { to, published }) {
      states.set(key, { to, published });
      if (published === undefined) due.add(key);
    },
    publish(key, { to }) {
      states.set(key, { to, published: undefined });
      const done = new Promise<void>((resolve, reject) => {
        // Kept all the same, for the next time.
        if (closed) reject(closedError());
        else waiters.set(key, [...(waiters.get(key) ?? []), { resolve, reject }]);
      });
      // Most callers do not look at it.
      done.catch(() => {});
      enqueue(key);
      return done;
    },
    connected(state, sessionPresent) {
      up = state;
      if (!up) return;
      if (!sessionPresent) for (const key of states.keys()) due.add(key);
      for (const address of new Set([...states.values()].map(({ to }) => to))) void catchUp(address);
      start();
    },
    async close(patience) {
      let late: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([working, new Promise((resolve) => (late = setTimeout(resolve, patience)))]);
      clearTimeout(late);
      closed = true;
      unlisten();
      clearTimeout(timer);
      for (const key of waiters.keys()) fail(key, closedError());
    },
  };
}

function closedError(): SealMQError {
  return new SealMQError('USAGE_CLOSED', 'closed before it was published');
}
