import { asSealMQError, type ErrorCode, isSealMQError, SealMQError } from '../errors.js';
import type { Receipt, Refuse, Resend } from '../protocol/envelope/control.js';
import type { Range } from '../protocol/envelope/sequence.js';
import { removedDevices } from '../protocol/identity/account.js';
import { type TokenBucket, type TokenRate, takeToken } from '../protocol/token-bucket.js';
import { type Context, seconds } from './context.js';
import { sendControl } from './control.js';
import { createFairQueue } from './fair-queue.js';
import { handOver } from './relay/make-hand-in.js';
import { createReminders } from './reminders.js';
import type { SendCounters } from './send-counters.js';
import type { SentBox, SentEntry } from './sent-box.js';
import { gatherSkips, type Skips } from './skips.js';
import { sentKey, type Tracking } from './tracking.js';

/** Acts on what receivers say of the messages that this device has sent, and on what they do not say. */
export interface Redelivery {
  receipt(from: string, device: string, receipt: Receipt): Promise<void>;
  resend(from: string, device: string, request: Resend): Promise<void>;
  refuse(from: string, device: string, refusal: Refuse): Promise<void>;
  /** Our own record has changed: devices of ours that were removed owe no receipts for copies any more. */
  recordChanged(): void;
  /**
   * Publishes again, now and then, the newest message of each peer that owes a receipt, and announces what is given up.
   *
   * @param isForgotten - the broker has lost our session, and perhaps what was in the queues of others: it does so at once
   */
  connected(up: boolean, isForgotten: boolean): void;
  close(): void;
}

/** What {@link createRedelivery} works on. */
export interface RedeliveryParts {
  readonly sentBox: SentBox;
  readonly counters: SendCounters;
  readonly tracking: Tracking;
  /** First pause before the newest message without receipt goes out again, in milliseconds; doubles up to an hour. */
  readonly republishAfter: number;
  /** Whether a number is still on its first way to the broker. */
  readonly isPending: (key: string) => boolean;
}

/** How often debts are looked at, in milliseconds. */
const ROUND = 5000;

/** Messages that one peer can make us publish again: at once, and per second. */
const RESEND_RATE: TokenRate = { burst: 1024, perSecond: 20 };

/** Least time between two times that one message goes out again, in milliseconds. */
const RESEND_PAUSE = 2000;

/** How long a message may be on its way from the broker to a receiver that is there, in milliseconds. */
const UNDER_WAY = 5000;

/** Receipts of one peer without anything new in them that may make us remind it out of turn. */
const HURRY_RATE: TokenRate = { burst: 3, perSecond: 1 / 60 };

/** What goes out on demand that may wait for its acknowledgement, and what may wait for one peer to be sent. */
const RESENDS = { window: 16, perPeer: 2048 };

/** New numberings that one peer can make us start. */
const RENUMBER_RATE: TokenRate = { burst: 3, perSecond: 1 / 600 };

/** Peers whose limits are remembered; of more, those who asked last. */
const MAX_LIMITED = 10_000;

/** How far ahead of our time the numbering may be that a peer claims to know of us, in milliseconds. */
const MAX_AHEAD = 300 * 1000;

/** Starts without a connection. */
export function createRedelivery(context: Context, parts: RedeliveryParts): Redelivery {
  const { account } = context;
  const { sentBox, counters, tracking, republishAfter, isPending } = parts;
  const reminders = createReminders(republishAfter);
  const mayResend = limiter(RESEND_RATE);
  const mayRenumber = limiter(RENUMBER_RATE);
  const mayHurry = limiter(HURRY_RATE);
  const publishedAt = new WeakMap<SentEntry, number>();
  /** Numberings of ours that turned out to be used twice: what a receipt says of them may be of another message. */
  const outdated = new Set<number>();
  let up = false;
  let closed = false;

  const stumble = (error: unknown) => {
    if (!closed) context.events.emit('warning', asSealMQError(error, 'STATE_UNAVAILABLE', 'redelivery stumbled'));
  };
  const onItsWay = createFairQueue({
    ...RESENDS,
    // Without a connection there is nothing to warn of: what was asked for is asked for again.
    failed: (error) => {
      if (!isSealMQError(error, 'TRANSPORT_CLOSED')) stumble(error);
    },
  });

  const keyOf = ({ to, stream, seq }: SentEntry) => sentKey(to, stream, seq);
  const fail = (entries: readonly SentEntry[], code: ErrorCode, why: string) => {
    for (const entry of entries) tracking.failed(keyOf(entry), new SealMQError(code, why));
  };

  /** The stored bytes go out again: never a new sealing, which a directory that slips a device in could make use of. */
  const publishAgain = async (entry: SentEntry) => {
    const stored = await sentBox.load(entry);
    if (!stored) return undefined;
    const expiresIn = stored.expiresAt === undefined ? undefined : stored.expiresAt - seconds(context);
    if (expiresIn !== undefined && expiresIn <= 0) return undefined;
    publishedAt.set(entry, performance.now());
    if (stored.via === 'relay') return { done: handOver(context, { receivers: [stored.to], sealed: stored.sealed }) };
    const options = { qos: 1 as const, ...(expiresIn !== undefined && { expiresIn }) };
    return { done: context.transport.publish(stored.topic, stored.sealed, options) };
  };

  /** Who hears receipts and requests opens everybody's mail, and must not wait for what they ask for. */
  const resend = (entry: SentEntry) => {
    if (!up || onItsWay.waits(entry.to, entry)) return;
    // A peer who asks again before the answer can be there must not use up the limit of what else it lacks.
    const last = publishedAt.get(entry) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() < last + RESEND_PAUSE || !mayResend(entry.to)) return;
    onItsWay.add(entry.to, entry, () => publishAgain(entry));
  };

  const announce = (skips: Skips) => {
    for (const { to, device, skip } of skips.messages()) {
      if (up && mayResend(to)) onItsWay.add(to, skip, async () => ({ done: sendControl(context, to, device, skip) }));
    }
  };

  /** What expired, or was kept long enough, is forgotten; devices that wait for it are told so. */
  const giveUp = async () => {
    const over = await sentBox.giveUp();
    fail(over, 'STATE_EXPIRED', 'expired before it was receipted');
    const skips = gatherSkips();
    for (const { to, stream, seq, outstanding, expiresAt } of over) {
      const reason = isPast(expiresAt) ? 'expired' : 'gone';
      for (const device of outstanding) skips.add(to, device, stream, reason, seq);
    }
    announce(skips);
  };
  const isPast = (expiresAt: number | undefined) => expiresAt !== undefined && expiresAt <= seconds(context);

  /** Whoever was retired or revoked is not waited for. Where nobody is left, whether it was read is not known. */
  const dismiss = async (address: string, devices: ReadonlySet<string>) => {
    const over = await sentBox.removed(address, devices);
    fail(over, 'DIRECTORY_NO_ACTIVE_DEVICE', `all devices of ${address} that it was sealed to were retired or revoked`);
  };
  /** By the record that stands, never by one that is merely offered; nobody is asked for it. */
  const dismissRemoved = async (address: string) => {
    const isOurs = address === account.address;
    const record = isOurs ? account.record : await context.keys.known(address);
    if (record && !closed) await dismiss(address, removedDevices(record));
  };
  const dismissAll = async () => {
    for (const address of [...sentBox.debtors()]) if (!closed) await dismissRemoved(address);
  };
  const unlisten = context.events.on('devicesChanged', ({ address, removed }) => {
    dismiss(address, new Set(removed.map(({ id }) => id))).catch(stumble);
  });
  // A crash, or a message that was on its way then, may have come between a removal and what follows from it.
  void dismissAll().catch(stumble);

  const remind = async (address: string) => {
    await dismissRemoved(address);
    const newest = sentBox.newest(address);
    if (newest) resend(newest);
  };

  const round = async () => {
    if (!up) return;
    await giveUp();
    for (const address of reminders.due(sentBox.debtors(), performance.now())) {
      await remind(address);
    }
  };
  /** A receiver that repeats its receipt, as it does on connecting, without the newest message: the broker may have lost its queue. */
  const hurry = (address: string, newest: SentEntry) => {
    if (!mayHurry(address)) return;
    const now = performance.now();
    const again = publishedAt.get(newest) ?? Number.NEGATIVE_INFINITY;
    const wait = UNDER_WAY - Math.min(context.now() - newest.publishedAt, now - again);
    if (wait <= 0) resend(newest);
    else reminders.soon(address, now + Math.min(wait, UNDER_WAY), now);
  };
  const remindAll = async () => {
    for (const address of [...sentBox.debtors()]) await remind(address);
  };
  const timer = setInterval(() => round().catch(stumble), Math.min(ROUND, republishAfter));

  /** This store is an old copy: numbers must not be used twice. */
  const renumber = async (peer: string, above: number) => {
    const { stream } = account;
    if (!mayRenumber(peer)) return;
    outdated.add(stream);
    await account.startStream(Math.max(Math.floor(context.now()), above + 1));
  };

  return {
    async receipt(from, device, receipt) {
      if (receipt.device !== account.device.id) return;
      const highest = Math.max(receipt.upTo, ...receipt.ranges.map(([, to]) => to));
      // They have numbers of ours that we have not given.
      const isAhead = receipt.stream === account.stream && highest > (await counters.last(from, account.stream));
      if (isAhead) await renumber(from, account.stream);
      const { arrived, absent } = await sentBox.receipt(from, device, receipt);
      reminders.heard(from);
      if (outdated.has(receipt.stream)) fail(arrived, 'STATE_OUTDATED', 'the number was used before, by a later state');
      else for (const entry of arrived) tracking.arrived(keyOf(entry), device, entry.outstanding.size === 0);
      for (const entry of absent) resend(entry);
      const newest = sentBox.newest(from);
      const isLacking = newest?.stream === receipt.stream && newest.outstanding.has(device);
      if (isLacking && arrived.length === 0) hurry(from, newest);
    },

    async resend(from, device, request) {
      if (request.device !== account.device.id) return;
      const { stream } = request;
      const skips = gatherSkips();
      const highest = await counters.last(from, stream);
      for (const seq of numbers(request.ranges, highest)) {
        if (isPending(sentKey(from, stream, seq))) continue;
        const entry = sentBox.find(from, stream, seq);
        if (!entry) skips.add(from, device, stream, 'gone', seq);
        else if (![entry.outstanding, entry.receipted, entry.removed].some((devices) => devices.has(device)))
          skips.add(from, device, stream, 'not-recipient', seq);
        else if (isPast(entry.expiresAt)) skips.add(from, device, stream, 'expired', seq);
        else resend(entry);
      }
      announce(skips);
    },

    async refuse(from, device, { device: mine, stream, newest }) {
      // A time that lies ahead cannot be the stream of a store of ours.
      const isPlausible = newest >= stream && newest <= context.now() + MAX_AHEAD;
      if (mine !== account.device.id || !isPlausible) return;
      if (stream === account.stream) await renumber(from, newest);
      // Where it was only used twice, receipts tell what has come of it.
      if (newest === stream) return;
      fail(await sentBox.refused(from, device, stream), 'STATE_OUTDATED', 'the receiver knows a newer numbering');
    },

    recordChanged: () => void dismissRemoved(account.address).catch(stumble),

    connected(state, isForgotten) {
      up = state;
      if (isForgotten) remindAll().catch(stumble);
      if (!up) onItsWay.clear();
    },
    close() {
      closed = true;
      unlisten();
      onItsWay.clear();
      clearInterval(timer);
    },
  };
}

/** Whether a peer may make us do something once more. */
function limiter(rate: TokenRate): (peer: string) => boolean {
  const buckets = new Map<string, TokenBucket>();
  return (peer) => {
    const { bucket, wait } = takeToken(buckets.get(peer), rate, performance.now());
    buckets.delete(peer);
    buckets.set(peer, bucket);
    const [longestAgo] = buckets.size > MAX_LIMITED ? buckets.keys() : [];
    if (longestAgo !== undefined) buckets.delete(longestAgo);
    return wait === 0;
  };
}

/** The numbers in `ranges` up to `highest`, 1,024 of them at most. */
function* numbers(ranges: readonly Range[], highest: number): Iterable<number> {
  let left = 1024;
  for (const [from, to] of ranges) {
    for (let seq = from; seq <= Math.min(to, highest) && left > 0; seq++, left--) yield seq;
  }
}
