import { concat, fromUtf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import { type Chunk, type EndOfStream, type Piece, Stream } from '../../protocol/call/record.js';
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
  #waiting: { readonly message: CallMessage; readonly next: number }[] = [];
  #waitingBytes = 0;
  #handed = 0;
  #end: EndOfStream | undefined;
  #unorderedMessages = 0;
  #received = 0;
  #messages = 0;
  /** The next record of the ordered stream that is missing. */
  next = 0;
  /** The application is done with all records of the ordered stream below this one. */
  taken = 0;

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

  /** Whether the other side has said that nothing follows, and all before that is here. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether messages of the unordered stream are still to come. */
  get awaitsUnordered(): boolean {
    return this.#unorderedMessages < (this.#end?.unordered ?? 0);
  }

  /**
   * Takes a piece in.
   *
   * @throws `DECODE_TOO_LARGE` when a message grows beyond what we take, `DECODE_CLAIMS` for what cannot come where it does
   */
  take(stream: number, n: number, chunk: Chunk): void {
    if (stream === Stream.unordered) this.#takeUnordered(n, chunk);
    else if (n >= this.next && n < this.next + MAX_AHEAD) this.#ahead.set(n, chunk);
    for (let ready = this.#ahead.get(this.next); ready; ready = this.#ahead.get(this.next)) {
      this.#ahead.delete(this.next++);
      this.#takeOrdered(ready);
    }
  }

  /** The next message, if one is complete; who asks for it is done with the one before. */
  shift(): CallMessage | undefined {
    this.taken = this.#handed;
    const first = this.#waiting.shift();
    if (!first) return undefined;
    this.#waitingBytes -= first.message.bytes.length;
    this.#handed = first.next;
    return first.message;
  }

  /** The application has come to the end. */
  takeEnd(): void {
    this.taken = this.next;
  }

  #takeOrdered(chunk: Chunk): void {
    if (this.#end) throw new SealMQError('DECODE_CLAIMS', 'a record behind the end of the stream');
    if ('unordered' in chunk) {
      if (this.#ordered.length > 0) throw new SealMQError('DECODE_CLAIMS', 'the end of the stream within a message');
      this.#end = chunk;
    } else this.#takePiece(chunk);
  }

  #takePiece({ bytes, last, text }: Piece): void {
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

  #takeUnordered(n: number, chunk: Chunk): void {
    if ('unordered' in chunk) throw new SealMQError('DECODE_CLAIMS', 'the end of the stream on another one');
    const { place, bytes, last, text } = chunk;
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
    // What is unordered has no place in the count of the ordered ones.
    const next = ordered ? this.next : Math.max(this.#handed, this.#waiting.at(-1)?.next ?? 0);
    this.#waiting.push({ message: { bytes, ordered, ...(text !== undefined && { text }) }, next });
    if (!ordered) this.#unorderedMessages++;
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
