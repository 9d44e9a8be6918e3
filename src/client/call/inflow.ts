import { fromUtf8, join } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import {
  type Chunk,
  costOf,
  type EndOfStream,
  MIN_PIECE_BYTES,
  type Piece,
  Stream,
} from '../../protocol/call/record.js';
import { emptyWindow, seeCounter } from '../../protocol/replay-window.js';

/** One message of the other side. */
export interface CallMessage {
  readonly bytes: Uint8Array;
  /** The text, where it was sent as such. */
  readonly text?: string;
  readonly ordered: boolean;
}

/** What the other side's pieces may count for before we have taken what there is. */
export const WINDOW = 4 * 1024 * 1024;

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

/** A message that the application is to take, and what its pieces count for. */
interface Waiting {
  readonly message: CallMessage;
  readonly cost: number;
  /** The ordered stream's next record behind it. */
  readonly next: number;
}

/** Puts messages together from records: each record once, the ordered ones in order, and no more than there is room for. */
export class Inflow {
  readonly #maxMessageBytes: number;
  /** Records of the ordered stream that came before one that is missing. */
  readonly #ahead = new Map<number, readonly Chunk[]>();
  #aheadCost = 0;
  readonly #partial = new Map<number, Partial>();
  #partialCost = 0;
  #partialBytes = 0;
  #ordered: Uint8Array[] = [];
  #orderedBytes = 0;
  #unordered = emptyWindow;
  /** Below this number everything of the unordered stream counts as spent, whether it came or not. */
  #unorderedPassed = 0;
  #unorderedSpent = 0;
  #control = emptyWindow;
  #waiting: Waiting[] = [];
  #waitingCost = 0;
  #handed = 0;
  #end: EndOfStream | undefined;
  #unorderedMessages = 0;
  #messages = 0;
  #bytes = 0;
  /** What all that came counts for, and the most that it has ever been granted. */
  #spent = 0;
  #granted = WINDOW;
  /** The next record of the ordered stream that is missing. */
  next = 0;
  /** The application is done with all records of the ordered stream below this one. */
  taken = 0;

  /** @param maxMessageBytes - largest message that is put together */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** What all pieces together may count for: what waits for the application takes room. */
  get credit(): number {
    const incomplete = costOf(this.#orderedBytes, this.#ordered.length) + this.#partialCost;
    const held = this.#waiting.length > 0 ? this.#waitingCost + incomplete : 0;
    return Math.max(0, this.#spent - held + WINDOW);
  }

  /** The {@link credit}, of which the other side is told: it may go that far. */
  grant(): number {
    this.#granted = Math.max(this.#granted, this.credit);
    return this.credit;
  }

  get received(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#messages, bytes: this.#bytes };
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
   * Takes a record in. Answers whether it is new.
   *
   * @throws `DECODE_TOO_LARGE` when a message grows beyond what we take, `DECODE_CLAIMS` for what cannot come where it does, or
   *   has no room
   */
  take(stream: number, n: number, chunks: readonly Chunk[]): boolean {
    if (chunks.some((chunk) => 'bytes' in chunk && !chunk.last && chunk.bytes.length < MIN_PIECE_BYTES))
      throw new SealMQError('DECODE_CLAIMS', 'a piece that is too small');
    if (stream === Stream.unordered) return this.#takeUnordered(n, chunks);
    if (n < this.next || n >= this.next + MAX_AHEAD || this.#ahead.has(n)) return false;
    this.#assertRoom(costIn(chunks));
    this.#ahead.set(n, chunks);
    this.#aheadCost += costIn(chunks);
    for (let ready = this.#ahead.get(this.next); ready; ready = this.#ahead.get(this.next)) {
      this.#ahead.delete(this.next++);
      this.#aheadCost -= costIn(ready);
      // The record is done with when its last message is.
      for (const chunk of ready) this.#takeOrdered(chunk, chunk === ready.at(-1) ? this.next : this.next - 1);
    }
    return true;
  }

  /**
   * The other side is on another way: what it has said on the unordered stream below the number `next` may never come, and its
   * sender's room with it.
   *
   * @param spent - what all of it counts for
   * @throws `DECODE_CLAIMS` for more than there was room for
   */
  pass(next: number, spent: number): void {
    if (next <= this.#unorderedPassed) return;
    const lost = Math.max(0, spent - this.#unorderedSpent);
    this.#assertRoom(lost);
    this.#unorderedPassed = next;
    this.#unorderedSpent += lost;
    this.#spent += lost;
  }

  /** The next message, if one is complete; who asks for it is done with the one before. */
  shift(): CallMessage | undefined {
    this.taken = this.#handed;
    const first = this.#waiting.shift();
    if (!first) return undefined;
    this.#waitingCost -= first.cost;
    this.#handed = first.next;
    return first.message;
  }

  /** The application has come to the end. */
  takeEnd(): void {
    this.taken = this.next;
  }

  #takeOrdered(chunk: Chunk, next: number): void {
    if (this.#end) throw new SealMQError('DECODE_CLAIMS', 'a record behind the end of the stream');
    if ('unordered' in chunk) {
      if (this.#ordered.length > 0) throw new SealMQError('DECODE_CLAIMS', 'the end of the stream within a message');
      this.#end = chunk;
    } else this.#takePiece(chunk, next);
  }

  #takePiece({ bytes, last, text }: Piece, next: number): void {
    this.#spent += costOf(bytes.length);
    this.#bytes += bytes.length;
    this.#orderedBytes += bytes.length;
    this.#assertSize(this.#orderedBytes);
    this.#ordered.push(bytes);
    if (!last) return;
    const [whole, cost] = [joined(this.#ordered), costOf(this.#orderedBytes, this.#ordered.length)];
    this.#ordered = [];
    this.#orderedBytes = 0;
    this.#put(whole, cost, text, next);
  }

  #takeUnordered(n: number, [chunk, ...more]: readonly Chunk[]): boolean {
    if (!chunk || 'unordered' in chunk) throw new SealMQError('DECODE_CLAIMS', 'the end of the stream on another one');
    if (more.length > 0) throw new SealMQError('DECODE_CLAIMS', 'several pieces of the unordered stream in one record');
    const { place, bytes, last, text } = chunk;
    const seen = seeCounter(this.#unordered, n);
    if (!seen || !place) return false;
    const cost = costOf(bytes.length);
    if (n >= this.#unorderedPassed) {
      this.#assertRoom(cost);
      this.#spent += cost;
      this.#unorderedSpent += cost;
    }
    this.#unordered = seen;
    this.#bytes += bytes.length;
    const partial: Partial = this.#partial.get(place.message) ?? { pieces: new Map(), text, bytes: 0 };
    if (partial.pieces.has(place.index)) throw new SealMQError('DECODE_CLAIMS', 'a piece that is there already');
    partial.pieces.set(place.index, bytes);
    partial.bytes += bytes.length;
    this.#assertSize(partial.bytes);
    if (last) partial.length = place.index + 1;
    this.#partial.set(place.message, partial);
    this.#partialBytes += bytes.length;
    this.#partialCost += cost;
    if (partial.pieces.size === partial.length) this.#complete(place.message, partial);
    // What lost a piece, when the way changed, stays incomplete for ever.
    for (const [message, oldest] of this.#partial) {
      if (this.#partial.size <= MAX_PARTIAL && this.#partialBytes <= this.#maxMessageBytes) break;
      this.#forget(message, oldest);
    }
    return true;
  }

  #complete(message: number, partial: Partial): void {
    this.#forget(message, partial);
    const pieces = Array.from({ length: partial.pieces.size }, (_, i) => partial.pieces.get(i));
    if (pieces.every((piece) => piece !== undefined)) this.#put(joined(pieces), costOfAll(partial), partial.text);
  }

  #forget(message: number, partial: Partial): void {
    this.#partial.delete(message);
    this.#partialBytes -= partial.bytes;
    this.#partialCost -= costOfAll(partial);
  }

  /** @param upTo - of the ordered stream: the application is done with the records below this one when it is with the message */
  #put(bytes: Uint8Array, cost: number, isText: boolean, upTo?: number): void {
    const text = isText ? textOf(bytes) : undefined;
    const ordered = upTo !== undefined;
    // What is unordered has no place in the count of the ordered ones.
    const next = upTo ?? Math.max(this.#handed, this.#waiting.at(-1)?.next ?? 0);
    const message = text === undefined ? { bytes, ordered } : { bytes, ordered, text };
    this.#waiting.push({ message, cost, next });
    if (!ordered) this.#unorderedMessages++;
    this.#waitingCost += cost;
    this.#messages++;
  }

  #assertRoom(cost: number): void {
    if (this.#spent + this.#aheadCost + cost > this.#granted)
      throw new SealMQError('DECODE_CLAIMS', 'more than there is room for');
  }

  #assertSize(bytes: number): void {
    if (bytes > this.#maxMessageBytes)
      throw new SealMQError('DECODE_TOO_LARGE', `a message of more than ${this.#maxMessageBytes} bytes`);
  }
}

function costOfAll({ bytes, pieces }: Partial): number {
  return costOf(bytes, pieces.size);
}

function costIn(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, chunk) => ('bytes' in chunk ? sum + costOf(chunk.bytes.length) : sum), 0);
}

/** Whoever keeps a small message must not keep all of a large record. */
const MOST_OF_RECORD = 4;

/** All of them in one, without a copy where it is one already, and most of its memory. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (!first || pieces.length > 1) return join(pieces);
  return first.length * MOST_OF_RECORD < first.buffer.byteLength ? first.slice() : first;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
