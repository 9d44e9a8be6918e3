import { SealMQError } from '../errors.js';
import type { Context } from './context.js';
import type { OpenedEntry } from './entries.js';
import type { Inbox } from './inbox.js';
import { insist } from './insist.js';
import { Message } from './message.js';

/** A handler of messages; the message is settled when it resolves. */
export type MessageHandler = (message: Message) => void | Promise<void>;

/** Hands opened messages to the one consumer that a messenger has. */
export interface Delivery {
  /** Messages as they come. Each is settled when the loop asks for the next; leaving the loop leaves it to the next consumer. */
  messages(): AsyncIterableIterator<Message>;
  /** Calls `handler` with each message in turn until the returned function is called. */
  consume(handler: MessageHandler): () => void;
  close(): Promise<void>;
}

/** A message that waits for the application, and its number in the queue. */
interface Waiting {
  readonly n: number;
  readonly opened: OpenedEntry;
}

/** How often a handler may throw on a message before it is set aside: with pauses from 200 ms to 51 s, after some six minutes. */
const MAX_FAILURES = 15;

/** How many times the first pause the longest is. */
const LONGEST_PAUSE = 256;

/** How many messages an application can be through with of which the store does not know yet, besides the one that it has in hand. */
const UNRECORDED = { soon: 63, each: 0 };

/** Entries that are looked at together. */
const PAGE = 16;

/**
 * Starts delivering what is in `inbox.opened`.
 *
 * @param settling - as in the messenger's options
 * @param handleAgainAfter - first pause before a handler that threw gets the message again, in milliseconds; doubles
 */
export function createDelivery(
  context: Context,
  inbox: Inbox,
  settling: keyof typeof UNRECORDED,
  handleAgainAfter: number,
): Delivery {
  const queue = inbox.opened;
  /** Messages that are settled, but for the write. */
  let unrecorded = 0;
  const ending = new AbortController();
  let consumer: symbol | undefined;
  let closed = false;
  let handling: Promise<void> = Promise.resolve();
  /** Devices whose first message is to be tried again: what else they sent waits behind it. */
  const resting = new Map<string, ReturnType<typeof setTimeout>>();
  /** How often one of them had waited long enough. */
  let wakes = 0;
  /** Up to this number there are only messages of those who wait. */
  let passed = 0;

  const claim = (): symbol => {
    if (closed) throw new SealMQError('USAGE_CLOSED', 'the messenger is closed');
    if (consumer) throw new SealMQError('USAGE_CONSUMER_EXISTS', 'a messenger has one consumer of its messages');
    consumer = Symbol('consumer');
    wakeAll();
    return consumer;
  };
  /** A new consumer may succeed where the last one failed. */
  const wakeAll = () => {
    for (const timer of resting.values()) clearTimeout(timer);
    resting.clear();
    passed = 0;
    wakes++;
  };
  const release = (mine: symbol) => {
    if (consumer === mine) consumer = undefined;
    queue.notify();
  };

  const next = (mine: symbol) => insist(context, 'cannot read mail', ending.signal, () => first(mine));

  /** The first entry that is durable and still of use; `undefined` when `mine` is no longer the consumer. */
  const first = async (mine: symbol): Promise<Waiting | undefined> => {
    while (!closed && consumer === mine) {
      const changed = queue.changed();
      const before = wakes;
      let cursor = passed;
      // Who waits is seldom.
      const entries = await queue.read(cursor, resting.size > 0 ? PAGE : 1);
      for (const { n, value: opened } of entries) {
        if (isExpired(opened)) {
          await settle({ n }, () => context.events.emit('rejected', { reason: 'expired', from: opened.from }));
        } else if (!resting.has(lineOf(opened))) return { n, opened };
        cursor = n;
      }
      if (wakes === before) passed = cursor;
      if (entries.length === 0) await changed;
    }
    return undefined;
  };

  /** Lets what a device sent wait for `pause` milliseconds, in its order; others go on. */
  const rest = (opened: OpenedEntry, pause: number) => {
    if (closed) return;
    const line = lineOf(opened);
    const timer = setTimeout(() => {
      resting.delete(line);
      passed = 0;
      wakes++;
      queue.notify();
    }, pause);
    resting.set(line, timer);
  };

  const isExpired = ({ expiresAt }: OpenedEntry) => expiresAt !== undefined && expiresAt * 1000 <= context.now();

  /** Those that are settled while one write is under way share the next. */
  const settle = async ({ n }: Pick<Waiting, 'n'>, then?: () => void) => {
    unrecorded++;
    const recorded = context.commit([queue.remove(n)]).then(() => {
      unrecorded--;
      then?.();
    });
    if (unrecorded > UNRECORDED[settling]) await recorded;
    // It fails only when the store is closed: then the message comes again.
    else recorded.catch(() => {});
  };

  async function* iterate(mine: symbol, before: Promise<void>): AsyncGenerator<Message, void, undefined> {
    try {
      await before;
      for (let entry = await next(mine); entry; entry = await next(mine)) {
        yield messageOf(entry);
        await settle(entry);
      }
    } finally {
      release(mine);
    }
  }

  /** One call of the handler; a failure is counted durably, and the last one sets the message aside. */
  const attempt = async (entry: Waiting, handler: MessageHandler) => {
    const { opened } = entry;
    try {
      await handler(messageOf(entry));
    } catch (cause) {
      const failures = opened.failures + 1;
      const error = new SealMQError(
        'USAGE_HANDLER_FAILED',
        `the message handler threw (${failures} of ${MAX_FAILURES})`,
        cause,
      );
      context.events.emit('warning', error);
      if (failures < MAX_FAILURES) {
        // It may be a part of something larger, which is not to stay as long.
        await context.commit([queue.replace(entry.n, { ...opened, failures, bytes: opened.bytes.slice() })]);
        rest(opened, handleAgainAfter * Math.min(2 ** (failures - 1), LONGEST_PAUSE));
        return;
      }
      inbox.setAside(queue.remove(entry.n), opened);
      await context.commit([]);
      context.events.emit('rejected', { reason: 'handler-failed', from: opened.from, error });
      return;
    }
    await settle(entry);
  };

  const handleAll = async (mine: symbol, handler: MessageHandler) => {
    for (let entry = await next(mine); entry; entry = await next(mine)) await attempt(entry, handler);
  };

  return {
    messages: () => iterate(claim(), handling),
    consume(handler) {
      const mine = claim();
      // A handler that was just taken off may still be busy with its last message.
      handling = handling
        .then(() => handleAll(mine, handler))
        .catch((cause) => {
          context.events.emit('warning', new SealMQError('STATE_UNAVAILABLE', 'delivery stopped', cause));
        });
      return () => release(mine);
    },
    async close() {
      closed = true;
      ending.abort();
      wakeAll();
      queue.notify();
      await handling;
    },
  };
}

/** What the application gets: it may write into the bytes, and get them again. */
function messageOf({ opened }: Waiting): Message {
  return new Message({ ...opened, bytes: opened.bytes.slice() });
}

/** What keeps its order. */
function lineOf({ from, device }: OpenedEntry): string {
  return `${from}/${device}`;
}
