import { batchHead, entrySize, MAX_BATCH_FRAMES, writeEntry } from '../../protocol/room/frame-batch.js';
import type { FrameParts } from '../../protocol/room/room-frame.js';

/** A plaintext in parts, one behind the other. */
export type Plaintext = readonly Uint8Array[];

/** How many bytes a batch holds, heads included. */
export const BATCH_BYTES = 16 * 1024;

/** What goes out as one encryption and one message. */
export abstract class Outgoing {
  readonly qos: 0 | 1;
  /** Settles as what {@link settle} is given. */
  readonly sent: Promise<void>;
  /** It is published, or was not. */
  settle: (published: Promise<void>) => void = () => {};
  /** Where the plaintext is, when that is of no more use behind the encryption. */
  readonly memory: Uint8Array | undefined;

  constructor(qos: 0 | 1, memory?: Uint8Array) {
    this.qos = qos;
    this.memory = memory;
    this.sent = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  abstract get content(): Plaintext;
}

/** A frame that is too large for company. Its bytes are the application's until {@link keep}. */
export class Lone extends Outgoing {
  #content: FrameParts;

  constructor(qos: 0 | 1, frame: FrameParts) {
    super(qos);
    this.#content = frame;
  }

  /** Copies what has to wait. */
  keep(): void {
    const [channel, payload] = this.#content;
    this.#content = [channel, payload.slice()];
  }

  get content(): Plaintext {
    return this.#content;
  }
}

/** Frames that go out together, as they were when they were added. */
export class Batch extends Outgoing {
  override readonly memory: Uint8Array;
  #used = 0;
  #count = 0;
  #first: FrameParts | undefined;

  /** @param memory - {@link BATCH_BYTES} that are in no other use */
  constructor(qos: 0 | 1, memory: Uint8Array) {
    super(qos);
    this.memory = memory;
  }

  /** Adds a frame, or answers false when there is no room. */
  add(frame: FrameParts): boolean {
    if (this.#count === MAX_BATCH_FRAMES || this.#used + entrySize(frame) > BATCH_BYTES) return false;
    this.#used = writeEntry(this.memory, this.#used, frame);
    this.#count++;
    this.#first ??= [frame[0], this.memory.subarray(this.#used - frame[1].length, this.#used)];
    return true;
  }

  get content(): Plaintext {
    if (this.#count === 1 && this.#first) return this.#first;
    return [batchHead(this.#count), this.memory.subarray(0, this.#used)];
  }
}
