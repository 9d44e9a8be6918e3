import { SealMQError } from '../errors.js';
import type { QueueLimits } from './durable-queue.js';
import { createSignal } from './signal.js';

/** Gives back room that was reserved: the entry is in the queue by now, or will not come. Repeating it is harmless. */
export type Release = () => void;

/** The room of a bounded queue, given out before the entries are made that fill it. */
export interface Capacity {
  /**
   * Resolves when there is room for an entry, in the order of the calls.
   *
   * @param bytes - about how much it will take
   * @param signal - gives up waiting
   * @throws `STATE_FULL` when there is none, or others wait for it, and one is not to wait, or no longer; `USAGE_CLOSED`
   */
  reserve(bytes: number, whenFull: 'wait' | 'refuse', signal?: AbortSignal): Promise<Release>;
  /** Resolves when all room is given back: nobody is about to put anything in. */
  idle(): Promise<void>;
  close(): void;
}

/** What a {@link Capacity} looks at. */
export interface CapacityParts {
  readonly limits: QueueLimits;
  /** What the queue holds now. */
  used(): QueueLimits;
  /** Resolves when it may hold less. */
  changed(): Promise<unknown>;
  /** What a caller is told who does not wait. */
  readonly full: string;
}

interface Waiter {
  readonly bytes: number;
  resolve(release: Release): void;
  reject(error: SealMQError): void;
}

/** Nothing is reserved yet. */
export function createCapacity({ limits, used, changed, full }: CapacityParts): Capacity {
  const waiting = new Set<Waiter>();
  const reserved = { entries: 0, bytes: 0 };
  const returned = createSignal();
  let closed = false;

  const hasRoom = () => {
    const { entries, bytes } = used();
    return entries + reserved.entries < limits.entries && bytes + reserved.bytes < limits.bytes;
  };
  const take = (bytes: number): Release => {
    let isReserved = true;
    reserved.entries++;
    reserved.bytes += bytes;
    return () => {
      if (!isReserved) return;
      isReserved = false;
      reserved.entries--;
      reserved.bytes -= bytes;
      returned.notify();
      admit();
    };
  };
  const admit = () => {
    for (const waiter of waiting) {
      if (!hasRoom()) return;
      waiting.delete(waiter);
      waiter.resolve(take(waiter.bytes));
    }
  };
  const watch = async () => {
    while (waiting.size > 0) {
      await changed();
      admit();
    }
  };

  return {
    // Not `async`: whoever waited goes on before whoever finds room later, by the same number of steps.
    reserve(bytes, whenFull, signal) {
      if (closed) return Promise.reject(closedError());
      if (waiting.size === 0 && hasRoom()) return Promise.resolve(take(bytes));
      if (whenFull === 'refuse' || signal?.aborted) return Promise.reject(new SealMQError('STATE_FULL', full));
      return new Promise((resolve, reject) => {
        const waiter = { bytes, resolve, reject };
        waiting.add(waiter);
        signal?.addEventListener('abort', () => {
          if (waiting.delete(waiter)) reject(new SealMQError('STATE_FULL', full));
        });
        if (waiting.size === 1) void watch();
      });
    },
    async idle() {
      while (reserved.entries > 0) await returned.wait();
    },
    close() {
      closed = true;
      for (const waiter of waiting) waiter.reject(closedError());
      waiting.clear();
    },
  };
}

function closedError(): SealMQError {
  return new SealMQError('USAGE_CLOSED', 'the messenger is closed');
}
