import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, isArrayOf, isBytes, isBytesOf, isCounter, isMap, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { COUNTER_BYTES, RECORD_OVERHEAD } from './cipher.js';
import { CALL_ID_BYTES } from './frame.js';

/** Largest record in bytes: what every WebRTC stack takes in one message. */
export const MAX_RECORD_BYTES = 64 * 1024;

/** The streams of a call, each of which counts its records from 0; the number stands in the upper 32 bits of the counter. */
export const Stream = { ordered: 0, unordered: 1, control: 2 } as const;

/** One encrypted piece of what a call carries. */
export interface CallRecord {
  /** 96-bit counter, 12 bytes. */
  readonly ctr: Uint8Array;
  /** Ciphertext and tag. */
  readonly ct: Uint8Array;
}

/** The parts of a record that came over a data channel. @throws `DECODE_TOO_LARGE`, `DECODE_CBOR` */
export function decodeRecord(bytes: Uint8Array): CallRecord {
  if (bytes.length > MAX_RECORD_BYTES) throw new SealMQError('DECODE_TOO_LARGE', `record of ${bytes.length} bytes`);
  if (bytes.length < RECORD_OVERHEAD) throw new SealMQError('DECODE_CBOR', 'not a record of a call');
  return { ctr: bytes.subarray(0, COUNTER_BYTES), ct: bytes.subarray(COUNTER_BYTES) };
}

/** How a record over MQTT begins: a map of three. Sealed messages begin with a tag. */
const FIRST_BYTE = 0xa3;

/** Whether bytes on a topic of family `signal` are a record rather than a sealed message. */
export function isRecordMessage(bytes: Uint8Array): boolean {
  return bytes[0] === FIRST_BYTE;
}

/** A record as it goes over MQTT: `{callId, ctr, ct}`. */
export function encodeRecordMessage(callId: Uint8Array, { ctr, ct }: CallRecord): Uint8Array {
  return encodeCbor(toMap({ callId, ctr, ct }));
}

/** @throws `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeRecordMessage(bytes: Uint8Array): CallRecord & { readonly callId: Uint8Array } {
  if (bytes.length > MAX_RECORD_BYTES + 64)
    throw new SealMQError('DECODE_TOO_LARGE', `record of ${bytes.length} bytes`);
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'call record');
  return {
    callId: fields.required('callId', isBytesOf(CALL_ID_BYTES)),
    ctr: fields.required('ctr', isBytesOf(COUNTER_BYTES)),
    ct: fields.required('ct', isBytes),
  };
}

/** What the records of the ordered and the unordered stream hold: pieces, one after the other, or the end. */
export type Chunk = Piece | EndOfStream;

/** A piece of a message of the application. */
export interface Piece {
  readonly text: boolean;
  readonly last: boolean;
  /** On the unordered stream: which message it is of, and which piece of it. */
  readonly place?: { readonly message: number; readonly index: number };
  readonly bytes: Uint8Array;
}

/** On the ordered stream: nothing follows in this direction. */
export interface EndOfStream {
  /** How many messages there were on the unordered stream: they may come later. */
  readonly unordered: number;
}

const LAST = 1;
const TEXT = 2;
const PLACED = 4;
const PLACE_BYTES = 8;
const LENGTH_BYTES = 2;
const END = 8;
const END_BYTES = 5;

/** Bytes that a piece without a place takes in a record beside its part of the message. */
export const PIECE_OVERHEAD = 1 + LENGTH_BYTES;

/** Most bytes of a message in one piece. */
export const MAX_PIECE_BYTES = MAX_RECORD_BYTES - RECORD_OVERHEAD - PIECE_OVERHEAD - PLACE_BYTES;

/**
 * A chunk as it stands in a record: a byte of flags, the place if there is one, the length, the bytes. In parts, since those that
 * make up most of it are the caller's, and are copied where they are encrypted.
 */
export function encodeChunk(chunk: Chunk): readonly Uint8Array[] {
  if ('unordered' in chunk) {
    const end = new Uint8Array(END_BYTES);
    end[0] = END;
    new DataView(end.buffer).setUint32(1, chunk.unordered);
    return [end];
  }
  const { text, last, place, bytes } = chunk;
  const head = new Uint8Array(place ? PIECE_OVERHEAD + PLACE_BYTES : PIECE_OVERHEAD);
  const view = new DataView(head.buffer);
  head[0] = (last ? LAST : 0) | (text ? TEXT : 0) | (place ? PLACED : 0);
  if (place) {
    view.setUint32(1, place.message);
    view.setUint32(5, place.index);
  }
  view.setUint16(head.length - LENGTH_BYTES, bytes.length);
  return [head, bytes];
}

/** The content of a record, of which pieces are views. @throws `DECODE_CBOR` */
export function decodeChunks(content: Uint8Array): readonly Chunk[] {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  if (content[0] === END && content.length === END_BYTES) return [{ unordered: view.getUint32(1) }];
  const chunks: Chunk[] = [];
  for (let at = 0; at < content.length || at === 0; ) {
    const flags = content[at] ?? 0xff;
    const placed = (flags & PLACED) !== 0;
    const start = at + PIECE_OVERHEAD + (placed ? PLACE_BYTES : 0);
    const end = start <= content.length ? start + view.getUint16(start - LENGTH_BYTES) : start;
    if (flags > 7 || end > content.length) throw new SealMQError('DECODE_CBOR', 'malformed chunk');
    const place = placed ? { message: view.getUint32(at + 1), index: view.getUint32(at + 5) } : undefined;
    const piece = { text: (flags & TEXT) !== 0, last: (flags & LAST) !== 0, bytes: content.subarray(start, end) };
    chunks.push(place ? { ...piece, place } : piece);
    at = end;
  }
  return chunks;
}

/** Bytes that a piece has at least which is not the last of its message: smaller ones would cost more than they carry. */
export const MIN_PIECE_BYTES = 512;

/** What a piece counts for where room is given to its sender, beside its bytes: it costs memory, however small it is. */
const PIECE_COST = 256;

/** What so many bytes count for in {@link CallControl | credits}, in so many pieces. */
export function costOf(bytes: number, pieces = 1): number {
  return PIECE_COST * pieces + bytes;
}

/** What the ends of a call tell each other besides the application's messages. */
export type CallControl =
  /**
   * First on every way: it works, and we have the keys. What was sent on the unordered stream below the number `next`, which
   * counts for `spent`, may have been lost with the way before.
   */
  | { readonly kind: 'hello'; readonly maxMessageBytes: number; readonly next: number; readonly spent: number }
  /**
   * Of the ordered stream everything below `next` is here, and the application is done with everything below `taken`; all pieces
   * that are ever sent may count for `credit` ({@link costOf}). `bye` says so for the last time: whoever says it has hung up.
   */
  | { readonly kind: 'ack' | 'bye'; readonly next: number; readonly credit: number; readonly taken: number }
  | { readonly kind: 'ping' | 'pong'; readonly n: number };

/** How many numbers each kind has. */
const NUMBERS = { hello: 3, ack: 3, bye: 3, ping: 1, pong: 1 } as const;
const isNumbers = isArrayOf(isCounter, 3);
const isKind: Check<CallControl['kind']> = (value): value is CallControl['kind'] =>
  typeof value === 'string' && Object.hasOwn(NUMBERS, value);

export function encodeCallControl(control: CallControl): Uint8Array {
  const { kind, ...rest } = control;
  return encodeCbor(toMap({ kind, of: Object.values(rest) }));
}

/** @throws `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeCallControl(content: Uint8Array): CallControl {
  const decoded = decodeCbor(content);
  const fields = readFields(isMap(decoded) ? decoded : null, 'DECODE_CLAIMS', 'call control');
  const kind = fields.required('kind', isKind);
  const numbers = fields.required('of', isNumbers);
  if (numbers.length !== NUMBERS[kind]) throw new SealMQError('DECODE_CLAIMS', 'malformed call control: of');
  const [first, second, third] = numbers as [number, number, number];
  switch (kind) {
    case 'hello':
      return { kind, maxMessageBytes: first, next: second, spent: third };
    case 'ack':
    case 'bye':
      return { kind, next: first, credit: second, taken: third };
    default:
      return { kind, n: first };
  }
}
