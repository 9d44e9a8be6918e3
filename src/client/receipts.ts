import { asSealMQError } from '../errors.js';
import { MAX_CONTROL_RANGES, receiptFor } from '../protocol/envelope/control.js';
import { gaps, type Range } from '../protocol/envelope/sequence.js';
import type { Context } from './context.js';
import { sendControl } from './control.js';
import { createDueList, type Due } from './due-list.js';
import type { Numbering, Seen } from './seen.js';
import { createSignal } from './signal.js';

/** When receipts and requests go out, in milliseconds. */
export interface ReceiptTiming {
  /** How long receipts gather before they go out together. */
  readonly receiptDelay: number;
  /** How long a gap may be reordering before the missing messages are asked for; doubles up to an hour. */
  readonly gapDelay: number;
}

/** Tells senders what has arrived, asks for what has not, and refuses numberings that are older than what is known. */
export interface Receipts {
  /**
   * Something came of this numbering: it is to be receipted, and its gaps are to be looked at. `reused`: one of its numbers
   * came with two messages, so its sender has to begin another.
   */
  note(numbering: Numbering, reused?: boolean): void;
  /** Receipts for everybody who ever wrote: the last message of a sender leaves no gap. Stops when the connection goes. */
  noteAll(): Promise<void>;
  /** The connection came or went; while it is gone, receipts gather. */
  connected(up: boolean): void;
  close(): Promise<void>;
}

/** Numbers that are asked for at a time; a sender answers no more. */
const MAX_REQUESTED = 1024;
const LONGEST_GAP_DELAY = 3600 * 1000;

/** Numberings that are served in one go, so that a great many peers do not stall the process. */
const AT_ONCE = 50;

/** Before a receipt is tried again for something that could not be written, in milliseconds. */
const UNWRITTEN = 1000;

/** Receipts that wait before {@link Receipts.noteAll} notes more. */
const MAX_OWED = 1000;

/** Starts without a connection. */
export function createReceipts(context: Context, seen: Seen, timing: ReceiptTiming): Receipts {
  const due = createDueList(timing.gapDelay);
  const served = createSignal();
  let sweep = 0;
  let up = false;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wakesAt = Number.POSITIVE_INFINITY;
  let working: Promise<void> = Promise.resolve();

  /** Wakes in `delay` milliseconds, unless it wakes before: a distant question must not hold up a receipt. */
  const schedule = (delay: number) => {
    const at = performance.now() + delay;
    if (!up || closed || at >= wakesAt) return;
    clearTimeout(timer);
    wakesAt = at;
    timer = setTimeout(wake, delay);
  };
  const wake = () => {
    wakesAt = Number.POSITIVE_INFINITY;
    working = work().catch(warn).then(served.notify);
  };
  /** One peer who cannot be written to right now does not keep the others waiting. */
  const warn = (cause: unknown) => {
    context.events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', 'receipts stumbled'));
  };

  const work = async () => {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    let count = 0;
    for (const entry of due) {
      if (!up || closed) return;
      if (!context.contacts.getsReceipts(entry.numbering.from)) {
        due.delete(entry);
        continue;
      }
      if (isDue(entry.receiptAt, now) && count < AT_ONCE) {
        count++;
        entry.receiptAt = undefined;
        await receipt(entry).catch(warn);
      }
      if (isDue(entry.gapAt, now) && count < AT_ONCE) {
        count++;
        await askForGaps(entry, now).catch(warn);
      }
      if (entry.receiptAt === undefined && entry.gapAt === undefined) due.delete(entry);
      next = Math.min(next, entry.receiptAt ?? next, entry.gapAt ?? next);
    }
    if (next < Number.POSITIVE_INFINITY) schedule(Math.max(10, next - performance.now()));
  };

  const receipt = async (entry: Due) => {
    const { from, device, stream } = entry.numbering;
    const state = await seen.state(entry.numbering);
    const newest = await seen.newestStream(entry.numbering);
    // Memory is ahead of the store: a sender forgets what is receipted.
    const isWritten = await context.tryCommit([]).then(
      () => true,
      () => false,
    );
    if (!isWritten) {
      entry.receiptAt = performance.now() + UNWRITTEN;
      return;
    }
    // Nothing of it was taken, since a newer one is known; or too much, and then this has to come before the receipt.
    if ((!state && newest > stream) || entry.reused) {
      entry.reused = false;
      await sendControl(context, from, device, { kind: 'refuse', device, stream, newest });
    }
    if (state) await sendControl(context, from, device, receiptFor(device, stream, state));
  };

  const askForGaps = async (entry: Due, now: number) => {
    const { from, device, stream } = entry.numbering;
    // Whatever keeps the question from being asked, the next try has its time.
    entry.gapAt = now + entry.gapDelay;
    const state = await seen.state(entry.numbering);
    const found = state ? gaps(state) : [];
    const missing = found.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    const ranges = requestable(found);
    if (ranges.length === 0) {
      entry.gapAt = undefined;
      return;
    }
    // A sender who does not answer is asked less and less often.
    const answers = missing < entry.missing;
    if (!answers) entry.gapDelay = Math.min(entry.gapDelay * 2, LONGEST_GAP_DELAY);
    entry.missing = missing;
    entry.gapAt = now + entry.gapDelay;
    await sendControl(context, from, device, { kind: 'resend', device, stream, ranges });
  };

  return {
    note(numbering, reused = false) {
      if (!context.contacts.getsReceipts(numbering.from)) return;
      const entry = due.entry(numbering);
      entry.reused ||= reused;
      const now = performance.now();
      entry.receiptAt ??= now + timing.receiptDelay;
      entry.gapAt ??= now + entry.gapDelay;
      schedule(Math.min(timing.receiptDelay, timing.gapDelay));
    },
    async noteAll() {
      const mine = ++sweep;
      const isCurrent = () => mine === sweep && up && !closed;
      let noted = 0;
      try {
        for await (const numbering of seen.numberings()) {
          this.note(numbering);
          noted++;
          // As they are served, so that a great many peers are not all in memory.
          while (noted % MAX_OWED === 0 && isCurrent() && owed(due) >= MAX_OWED) await served.wait();
          if (!isCurrent()) return;
        }
      } catch (error) {
        warn(error);
      }
    },
    connected(state) {
      up = state;
      if (up) schedule(0);
      else {
        clearTimeout(timer);
        wakesAt = Number.POSITIVE_INFINITY;
        served.notify();
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      served.notify();
      await working;
    },
  };
}

/** The lowest missing numbers, as many as are asked for at a time; of a very long gap the rest follows when these are there. */
function requestable(found: readonly Range[]): Range[] {
  const ranges: Range[] = [];
  let left = MAX_REQUESTED;
  for (const [from, to] of found.slice(0, MAX_CONTROL_RANGES)) {
    if (left === 0) break;
    const last = Math.min(to, from + left - 1);
    ranges.push([from, last]);
    left -= last - from + 1;
  }
  return ranges;
}

function isDue(at: number | undefined, now: number): boolean {
  return at !== undefined && at <= now;
}

/** How many receipts wait. */
function owed(due: Iterable<Due>): number {
  let count = 0;
  for (const { receiptAt } of due) count += Number(receiptAt !== undefined);
  return count;
}
