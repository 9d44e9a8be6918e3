import { isSealMQError } from '../errors.js';
import { type TokenBucket, takeToken } from '../protocol/directory/token-bucket.js';
import type { Receipt, Resend, Skip, SkipReason } from '../protocol/envelope/control.js';
import type { Range } from '../protocol/envelope/sequence.js';
import { type Context, seconds } from './context.js';
import { sendControl } from './control.js';
import type { SendCounters } from './send-counters.js';
import type { SentBox, SentEntry } from './sent-box.js';
import { sentKey, type Tracking } from './tracking.js';

/** Acts on what receivers say of the messages that this device has sent. */
export interface Redelivery {
  receipt(from: string, device: string, receipt: Receipt): Promise<void>;
  resend(from: string, device: string, request: Resend): Promise<void>;
  /** Publishes again, now and then, the newest message of each peer that owes a receipt. */
  connected(up: boolean): void;
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

const LONGEST_PAUSE = 3600 * 1000;

/** Messages that one peer can make us publish again: at once, and per second. */
const RESEND_RATE = { burst: 1024, perSecond: 20 };

/** Starts without a connection. */
export function createRedelivery(context: Context, parts: RedeliveryParts): Redelivery {
  const { sentBox, counters, tracking, republishAfter, isPending } = parts;
  const buckets = new Map<string, TokenBucket>();
  const owing = new Map<string, { at: number; pause: number }>();
  let timer: ReturnType<typeof setInterval> | undefined;

  const mayResend = (address: string): boolean => {
    const { bucket, wait } = takeToken(buckets.get(address), RESEND_RATE, performance.now());
    buckets.set(address, bucket);
    return wait === 0;
  };

  /** The stored bytes go out again: never a new sealing, which a directory that slips a device in could make use of. */
  const publishAgain = async (entry: SentEntry) => {
    const stored = await sentBox.load(entry);
    if (!stored || !mayResend(entry.to)) return;
    const expiresIn = stored.expiresAt === undefined ? undefined : stored.expiresAt - seconds(context);
    if (expiresIn !== undefined && expiresIn <= 0) return;
    await context.transport.publish(stored.topic, stored.sealed, {
      qos: 1,
      ...(expiresIn !== undefined && { expiresIn }),
    });
  };

  const remind = async () => {
    const now = performance.now();
    for (const address of sentBox.debtors()) {
      const turn = owing.get(address) ?? { at: now + republishAfter, pause: republishAfter };
      owing.set(address, turn);
      const entry = now >= turn.at ? sentBox.newest(address) : undefined;
      if (!entry) continue;
      turn.pause = Math.min(turn.pause * 2, LONGEST_PAUSE);
      turn.at = now + turn.pause;
      await publishAgain(entry);
    }
  };
  const quietly = (error: unknown) => {
    if (isSealMQError(error)) context.events.emit('warning', error);
  };

  return {
    async receipt(from, device, receipt) {
      const { account } = context;
      if (receipt.device !== account.device.id) return;
      const highest = Math.max(receipt.upTo, ...receipt.ranges.map(([, to]) => to));
      if (receipt.stream === account.stream && highest > (await counters.last(from, account.stream))) {
        // They have numbers of ours that we have not given: this store is an old copy. Numbers must not be used twice.
        await account.startStream(Math.floor(context.now()));
      }
      const { arrived, absent } = await sentBox.receipt(from, device, receipt);
      owing.delete(from);
      for (const { to, stream, seq } of arrived) tracking.arrived(sentKey(to, stream, seq), device);
      for (const entry of absent) await publishAgain(entry);
    },

    async resend(from, device, request) {
      if (request.device !== context.account.device.id) return;
      const skipped = new Map<SkipReason, Range[]>();
      const skip = (reason: SkipReason, seq: number) => {
        const ranges = skipped.get(reason) ?? [];
        const last = ranges.at(-1);
        if (last?.[1] === seq - 1) ranges[ranges.length - 1] = [last[0], seq];
        else ranges.push([seq, seq]);
        skipped.set(reason, ranges);
      };
      const highest = await counters.last(from, request.stream);
      for (const seq of numbers(request.ranges, highest)) {
        if (isPending(sentKey(from, request.stream, seq))) continue;
        const entry = sentBox.find(from, request.stream, seq);
        if (!entry) skip('gone', seq);
        else if (!entry.outstanding.has(device) && !entry.receipted.has(device)) skip('not-recipient', seq);
        else if (entry.expiresAt !== undefined && entry.expiresAt <= seconds(context)) skip('expired', seq);
        else await publishAgain(entry);
      }
      for (const [reason, ranges] of skipped) {
        const message: Skip = { kind: 'skip', stream: request.stream, ranges, reason };
        if (mayResend(from)) await sendControl(context, from, device, message);
      }
    },

    connected(up) {
      clearInterval(timer);
      if (up) timer = setInterval(() => remind().catch(quietly), Math.min(5000, republishAfter));
    },
    close: () => clearInterval(timer),
  };
}

/** The numbers in `ranges` up to `highest`; a range above 1,024 numbers is not worth an answer. */
function* numbers(ranges: readonly Range[], highest: number): Iterable<number> {
  let left = 1024;
  for (const [from, to] of ranges) {
    for (let seq = from; seq <= Math.min(to, highest) && left > 0; seq++, left--) yield seq;
  }
}
