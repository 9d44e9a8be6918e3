import { concat, fromUtf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import { type Chunk, Stream } from '../../protocol/call/record.js';
import { emptyWindow, seeCounter } from '../../protocol/replay-window.js';

/** One message of the other side. */
export interface CallMessage {
  readonly bytes: Uint8Array;
  /** The text, where it was sent as such. */
  readonly text?: string;
  readonly ordered: boolean;
}

/** Bytes that the other side may send before we have taken what there is. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

/** Records of the ordered stream that may come before one that is missing. */
const MAX_AHEAD = 16_384;

/** Messages of the unordered stream that may be incomplete at a time. */
const MAX_PARTIAL = 256;

/** A message of which pieces are missing. */
interface Partial {
  readonly pieces: Map<number, Uint8Array>;
  text: boolean;
  bytes: number;
  /** How many pieces it has, once the last one is here. */
  length?: number;
}

/** Puts messages together from records: each record once, the ordered ones in order, within bounds. */
export class Inflow {
  readonly #maxMessageBytes: number;
  readonly #ahead = new Map<number, Chunk>();
  readonly #partial = new Map<number, Partial>();
  #ordered: Uint8Array[] = [];
  #orderedBytes = 0;
  #unordered = emptyWindow;
  #control = emptyWindow;
  #waiting: CallMessage[] = [];
  #waitingBytes = 0;
  #received = 0;
  #messages = 0;
  /** The next record of the ordered stream that is missing. */
  next = 0;

  /** @param maxMessageBytes - largest message that is put together */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** So many bytes of messages may be sent in all: what waits for the application does not count as taken. */
  get credit(): number {
    const held = this.#waiting.length > 0 ? this.#waitingBytes + this.#orderedBytes + this.#partialBytes : 0;
    return this.#received - held + WINDOW_BYTES;
  }

  get received(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#messages, bytes: this.#received };
  }

  /** Whether a control record is new. */
  isNew(n: number): boolean {
    const seen = seeCounter(this.#control, n);
    if (seen) this.#control = seen;
    return seen !== undefined;
  }

  /** Takes a piece in. @throws `DECODE_TOO_LARGE` when a message grows beyond what we take */
  take(stream: number, n: number, chunk: Chunk): void {
    if (stream === Stream.unordered) this.#takeUnordered(n, chunk);
    else if (n >= this.next && n < this.next + MAX_AHEAD) this.#ahead.set(n, chunk);
    for (let ready = this.#ahead.get(this.next); ready; ready = this.#ahead.get(this.next)) {
      this.#ahead.delete(this.next++);
      this.#takeOrdered(ready);
    }
  }

  /** The next message, if one is complete. */
  shift(): CallMessage | undefined {
    const message = this.#waiting.shift();
    if (message) this.#waitingBytes -= message.bytes.length;
    return message;
  }

  #takeOrdered({ bytes, last, text }: Chunk): void {
    this.#received += bytes.length;
    this.#orderedBytes += bytes.length;
    this.#assertSize(this.#orderedBytes);
    this.#ordered.push(bytes);
    if (!last) return;
    const whole = this.#ordered.length === 1 ? bytes : concat(...this.#ordered);
    this.#ordered = [];
    this.#orderedBytes = 0;
    this.#put(whole, text, true);
  }

  #takeUnordered(n: number, { place, bytes, last, text }: Chunk): void {
    const seen = seeCounter(this.#unordered, n);
    if (!seen || !place) return;
    this.#unordered = seen;
    this.#received += bytes.length;
    const partial: Partial = this.#partial.get(place.message) ?? { pieces: new Map(), text, bytes: 0 };
    partial.pieces.set(place.index, bytes);
    partial.bytes += bytes.length;
    if (last) partial.length = place.index + 1;
    this.#partial.set(place.message, partial);
    this.#assertSize(this.#partialBytes);
    // What lost a piece, when the way changed, stays incomplete for ever.
    if (this.#partial.size > MAX_PARTIAL) this.#partial.delete(this.#partial.keys().next().value as number);
    if (partial.pieces.size !== partial.length) return;
    this.#partial.delete(place.message);
    const pieces = Array.from({ length: partial.length }, (_, i) => partial.pieces.get(i));
    if (pieces.every((piece) => piece !== undefined)) this.#put(concat(...pieces), text, false);
  }

  #put(bytes: Uint8Array, isText: boolean, ordered: boolean): void {
    const text = isText ? textOf(bytes) : undefined;
    this.#waiting.push({ bytes, ordered, ...(text !== undefined && { text }) });
    this.#waitingBytes += bytes.length;
    this.#messages++;
  }

  get #partialBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#partial.values()) sum += bytes;
    return sum;
  }

  #assertSize(bytes: number): void {
    if (bytes > this.#maxMessageBytes)
      throw new SealMQError('DECODE_TOO_LARGE', `a message of more than ${this.#maxMessageBytes} bytes`);
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
