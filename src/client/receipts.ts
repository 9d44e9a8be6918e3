import { isSealMQError } from '../errors.js';
import { MAX_CONTROL_RANGES, receiptFor } from '../protocol/envelope/control.js';
import { gaps, type Range } from '../protocol/envelope/sequence.js';
import type { Context } from './context.js';
import { sendControl } from './control.js';
import type { Numbering, Seen } from './seen.js';

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
  /** Receipts for everybody who ever wrote: the last message of a sender leaves no gap. */
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

interface Due {
  readonly numbering: Numbering;
  receiptAt: number | undefined;
  gapAt: number | undefined;
  gapDelay: number;
  /** How many numbers were missing at the last request. */
  missing: number;
  reused: boolean;
}

/** Starts without a connection. */
export function createReceipts(context: Context, seen: Seen, timing: ReceiptTiming): Receipts {
  const due = new Map<string, Due>();
  let up = false;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wakesAt = Number.POSITIVE_INFINITY;
  let working: Promise<void> = Promise.resolve();

  const entryOf = (numbering: Numbering): Due => {
    const key = `${numbering.from}/${numbering.device}/${numbering.stream}`;
    const fresh = {
      numbering,
      receiptAt: undefined,
      gapAt: undefined,
      gapDelay: timing.gapDelay,
      missing: 0,
      reused: false,
    };
    const entry: Due = due.get(key) ?? fresh;
    due.set(key, entry);
    return entry;
  };
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
    working = work().catch(warn);
  };
  /** One peer who cannot be written to right now does not keep the others waiting. */
  const warn = (error: unknown) => {
    if (isSealMQError(error)) context.events.emit('warning', error);
  };

  const work = async () => {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    let served = 0;
    for (const [key, entry] of due) {
      if (!up || closed) return;
      if (!context.contacts.getsReceipts(entry.numbering.from)) {
        due.delete(key);
        continue;
      }
      if (isDue(entry.receiptAt, now) && served < AT_ONCE) {
        served++;
        entry.receiptAt = undefined;
        await receipt(entry).catch(warn);
      }
      if (isDue(entry.gapAt, now) && served < AT_ONCE) {
        served++;
        await askForGaps(entry, now).catch(warn);
      }
      if (entry.receiptAt === undefined && entry.gapAt === undefined) due.delete(key);
      next = Math.min(next, entry.receiptAt ?? next, entry.gapAt ?? next);
    }
    if (next < Number.POSITIVE_INFINITY) schedule(Math.max(10, next - performance.now()));
  };

  const receipt = async (entry: Due) => {
    const { from, device, stream } = entry.numbering;
    const state = await seen.state(entry.numbering);
    const newest = await seen.newestStream(entry.numbering);
    // Nothing of it was taken, since a newer one is known; or too much, and then this has to come before the receipt.
    if ((!state && newest > stream) || entry.reused) {
      entry.reused = false;
      await sendControl(context, from, device, { kind: 'refuse', device, stream, newest });
    }
    if (state) await sendControl(context, from, device, receiptFor(device, stream, state));
  };

  const askForGaps = async (entry: Due, now: number) => {
    const { from, device, stream } = entry.numbering;
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
      const entry = entryOf(numbering);
      entry.reused ||= reused;
      const now = performance.now();
      entry.receiptAt ??= now + timing.receiptDelay;
      entry.gapAt ??= now + entry.gapDelay;
      schedule(Math.min(timing.receiptDelay, timing.gapDelay));
    },
    async noteAll() {
      for await (const numbering of seen.numberings()) this.note(numbering);
    },
    connected(state) {
      up = state;
      if (up) schedule(0);
      else {
        clearTimeout(timer);
        wakesAt = Number.POSITIVE_INFINITY;
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
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
