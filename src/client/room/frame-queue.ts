import { SealMQError } from '../../errors.js';
import { createSignal } from '../signal.js';
import type { RoomFrame } from './events.js';

/** Frames that wait for the application, at most. */
const MAX_WAITING = 4096;

/** Frames on their way to the application's loop; the oldest makes room when it is too slow. */
export interface FrameQueue {
  /** Answers the frame that had to make room. */
  put(frame: RoomFrame): RoomFrame | undefined;
  /** @throws `USAGE_CONSUMER_EXISTS` */
  frames(): AsyncGenerator<RoomFrame, void>;
  /** Ends the loop behind what is waiting. */
  close(): void;
}

export function createFrameQueue(): FrameQueue {
  const changed = createSignal();
  let waiting: RoomFrame[] = [];
  let consumed = false;
  let closed = false;

  async function* consume(): AsyncGenerator<RoomFrame, void> {
    try {
      for (;;) {
        const batch = waiting;
        waiting = [];
        for (const frame of batch) yield frame;
        if (waiting.length > 0) continue;
        if (closed) return;
        await changed.wait();
      }
    } finally {
      consumed = false;
    }
  }

  return {
    put(frame) {
      waiting.push(frame);
      changed.notify();
      return waiting.length > MAX_WAITING ? waiting.shift() : undefined;
    },
    frames() {
      if (consumed) throw new SealMQError('USAGE_CONSUMER_EXISTS', 'another loop takes the frames of this room');
      consumed = true;
      return consume();
    },
    close() {
      closed = true;
      changed.notify();
    },
  };
}
