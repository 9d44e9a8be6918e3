import { SealMQError } from '../../errors.js';
import type { RoomFrame } from './events.js';

/** Frames that wait for the application, at most; and their bytes together. */
const MAX_WAITING = 4096;
const MAX_BYTES = 64 << 20;

/** Frames on their way to the application's loop; the oldest make room when it is too slow. */
export interface FrameQueue {
  /** Answers the frames that had to make room. */
  put(frame: RoomFrame): readonly RoomFrame[];
  /** @throws `USAGE_CONSUMER_EXISTS` */
  frames(): AsyncIterableIterator<RoomFrame>;
  /** Ends the loop behind what is waiting. */
  close(): void;
}

type Result = IteratorResult<RoomFrame, undefined>;

const END: Result = { done: true, value: undefined };
const NONE: readonly RoomFrame[] = [];

export function createFrameQueue(): FrameQueue {
  let waiting: (RoomFrame | undefined)[] = [];
  /** How many at the front of `waiting` were taken out: nothing is left of them but their places. */
  let taken = 0;
  let size = 0;
  let loop: FrameLoop | undefined;
  let closed = false;

  function take(): RoomFrame | undefined {
    const frame = waiting[taken];
    waiting[taken++] = undefined;
    size -= frame?.bytes.length ?? 0;
    if (taken >= waiting.length || taken > MAX_WAITING) {
      waiting = waiting.slice(taken);
      taken = 0;
    }
    return frame;
  }

  return {
    put(frame) {
      if (loop?.hand(frame)) return NONE;
      waiting.push(frame);
      size += frame.bytes.length;
      if (waiting.length - taken <= MAX_WAITING && size <= MAX_BYTES) return NONE;
      const evicted: RoomFrame[] = [];
      while (waiting.length - taken > MAX_WAITING || size > MAX_BYTES) evicted.push(take() as RoomFrame);
      return evicted;
    },
    frames() {
      if (loop) throw new SealMQError('USAGE_CONSUMER_EXISTS', 'another loop takes the frames of this room');
      const release = (): void => {
        loop = undefined;
      };
      loop = new FrameLoop(take, release);
      if (closed) loop.close();
      return loop;
    },
    close() {
      closed = true;
      loop?.close();
    },
  };
}

/** The application's loop. Written out, since an async generator costs as much for each frame as the decryption of a small one. */
class FrameLoop implements AsyncIterableIterator<RoomFrame, undefined> {
  readonly #take: () => RoomFrame | undefined;
  readonly #release: () => void;
  /** Calls of `next` that no frame was there for. */
  #asking: ((result: Result) => void)[] = [];
  #state: 'open' | 'closing' | 'over' = 'open';

  constructor(take: () => RoomFrame | undefined, release: () => void) {
    this.#take = take;
    this.#release = release;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#state === 'over') return Promise.resolve(END);
    const value = this.#take();
    if (value) return Promise.resolve({ done: false, value });
    if (this.#state === 'closing') return this.return();
    return new Promise((resolve) => this.#asking.push(resolve));
  }

  return(): Promise<Result> {
    if (this.#state !== 'over') this.#release();
    this.#state = 'over';
    for (const answer of this.#asking.splice(0)) answer(END);
    return Promise.resolve(END);
  }

  /** Whether somebody waited for the frame. */
  hand(value: RoomFrame): boolean {
    const answer = this.#asking.shift();
    answer?.({ done: false, value });
    return answer !== undefined;
  }

  /** Ends behind what is waiting. */
  close(): void {
    if (this.#state === 'open') this.#state = 'closing';
    if (this.#asking.length > 0) void this.return();
  }
}
