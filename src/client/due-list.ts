import { MAX_STREAMS, type Numbering } from './seen.js';

/** What is owed to the sender of a numbering, and when; milliseconds of `performance.now()`. */
export interface Due {
  readonly numbering: Numbering;
  receiptAt: number | undefined;
  gapAt: number | undefined;
  gapDelay: number;
  /** How many numbers were missing at the last request. */
  missing: number;
  reused: boolean;
}

/** What is owed to whom, within bounds that no peer can stretch. */
export interface DueList extends Iterable<Due> {
  /** The entry of a numbering, a new one where there is none. */
  entry(numbering: Numbering): Due;
  delete(due: Due): void;
}

/** Devices that something is owed to. */
export const MAX_DEVICES = 10_000;

/**
 * Nothing is owed yet. When it is full, the device that wrote longest ago makes room; of one device, the oldest numbering does.
 * What is forgotten that way is not lost: receipts are cumulative, and a sender who has none reminds us of them.
 *
 * @param gapDelay - that new entries begin with
 */
export function createDueList(gapDelay: number): DueList {
  const devices = new Map<string, Map<number, Due>>();

  const forget = (due: Due) => {
    due.receiptAt = undefined;
    due.gapAt = undefined;
  };
  const makeRoom = () => {
    if (devices.size <= MAX_DEVICES) return;
    for (const [key, streams] of devices) {
      streams.forEach(forget);
      devices.delete(key);
      return;
    }
  };

  return {
    entry(numbering) {
      const { stream } = numbering;
      const key = keyOf(numbering);
      const streams = devices.get(key) ?? new Map<number, Due>();
      const fresh = { numbering, receiptAt: undefined, gapAt: undefined, gapDelay, missing: 0, reused: false };
      const due: Due = streams.get(stream) ?? fresh;
      streams.set(stream, due);
      if (streams.size > MAX_STREAMS) {
        const oldest = Math.min(...streams.keys());
        forget(streams.get(oldest) as Due);
        streams.delete(oldest);
      }
      devices.delete(key);
      devices.set(key, streams);
      makeRoom();
      return due;
    },
    delete(due) {
      const key = keyOf(due.numbering);
      const streams = devices.get(key);
      streams?.delete(due.numbering.stream);
      if (streams?.size === 0) devices.delete(key);
    },
    *[Symbol.iterator]() {
      for (const streams of devices.values()) yield* streams.values();
    },
  };
}

function keyOf({ from, device }: Numbering): string {
  return `${from}/${device}`;
}
