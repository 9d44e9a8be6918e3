import { SealMQError } from '../errors.js';
import { type CborMap, type CborValue, Major, Simple, Tagged } from './cbor-value.js';

/** Deepest nesting of arrays, maps and tags that is looked into: a bomb of nested heads must not exhaust the stack. */
const MAX_DEPTH = 16;

/** Most items in one piece of input, several times what the largest structure has: garbage must not cost much memory. */
const MAX_ITEMS = 131_072;

/** The tags of the profile: COSE_Encrypt0, COSE_Sign1, COSE_Encrypt (RFC 9052 §2). */
const TAGS = [16, 18, 96];

const utf8Decoder = new TextDecoder('utf-8', { fatal: true });

/** U+FEFF at the start of a text (RFC 3629 §6): decoders drop it, and two texts would become one. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Decodes exactly one data item and refuses what `encodeCbor` would not have written: indefinite lengths, non-shortest
 * heads, unsorted or repeated map keys, floats, integers beyond 2⁵³, nesting deeper than 16, more than 131,072
 * items, trailing bytes.
 *
 * Byte strings in the result are views into `bytes`.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader = new CborReader(bytes);
  const value = reader.item();
  if (!reader.done) throw refused('trailing bytes');
  return value;
}

/** Reads data items in deterministic encoding (RFC 8949 §4.2.1), one after the other. */
export class CborReader {
  readonly #bytes: Uint8Array;
  /** Where the next item begins. */
  offset: number;
  #items = 0;

  /** @param offset - where to begin */
  constructor(bytes: Uint8Array, offset = 0) {
    // A view into a Buffer would be a Buffer, too.
    this.#bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.offset = offset;
  }

  /** The next item. @throws {@link SealMQError} `DECODE_CBOR` when it is truncated or not deterministic */
  item(): CborValue {
    return this.#item(0);
  }

  /** Whether nothing is left. */
  get done(): boolean {
    return this.offset === this.#bytes.length;
  }

  #item(depth: number): CborValue {
    if (depth > MAX_DEPTH) throw refused('nested too deeply');
    if (++this.#items > MAX_ITEMS) throw refused('too many items');
    const first = this.#peek();
    const argument = this.#argument(first);
    switch (first & 0xe0) {
      case Major.unsigned:
        return argument;
      case Major.negative:
        if (argument >= Number.MAX_SAFE_INTEGER) throw refused('integer beyond 2^53');
        return -1 - argument;
      case Major.bytes:
        return this.#string(argument);
      case Major.text:
        return decodeText(this.#string(argument));
      case Major.array:
        return this.#array(argument, depth + 1);
      case Major.map:
        return this.#map(argument, depth + 1);
      case Major.tag:
        if (!TAGS.includes(argument)) throw refused('unknown tag');
        return new Tagged(argument, this.#item(depth + 1));
      default:
        return simpleValue(first);
    }
  }

  #peek(): number {
    if (this.offset >= this.#bytes.length) throw refused('truncated');
    return this.#bytes[this.offset] as number;
  }

  /** The argument of the head that starts with `first` (RFC 8949 §3), shortest form only. */
  #argument(first: number): number {
    this.offset++;
    const info = first & 31;
    if (info < 24) return info;
    if (info > 27) throw refused('indefinite length or reserved head');
    const size = 1 << (info - 24);
    if (size > this.#bytes.length - this.offset) throw refused('truncated');
    let argument = 0;
    for (let i = 0; i < size; i++) argument = argument * 256 + (this.#bytes[this.offset++] as number);
    if (argument < (size === 1 ? 24 : 2 ** (4 * size))) throw refused('head not in shortest form');
    if (argument > Number.MAX_SAFE_INTEGER) throw refused('integer beyond 2^53');
    return argument;
  }

  #string(length: number): Uint8Array {
    if (length > this.#bytes.length - this.offset) throw refused('string runs past the end');
    const start = this.offset;
    this.offset += length;
    return this.#bytes.subarray(start, this.offset);
  }

  #array(count: number, depth: number): CborValue[] {
    if (count > this.#bytes.length - this.offset) throw refused('array runs past the end');
    const items: CborValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.#item(depth));
    return items;
  }

  #map(count: number, depth: number): CborMap {
    if (count > this.#bytes.length - this.offset) throw refused('map runs past the end');
    const map = new Map<number | string, CborValue>();
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const start = this.offset;
      const major = this.#peek() & 0xe0;
      if (major > Major.text || major === Major.bytes) throw refused('map key is neither integer nor text');
      const key = this.#item(depth) as number | string;
      if (previous >= 0 && !this.#isBefore(previous, start)) throw refused('map keys not in order');
      previous = start;
      map.set(key, this.#item(depth));
    }
    return map;
  }

  /** Whether the key at `a` sorts strictly before the key from `b` to here; two keys of one length differ in a byte. */
  #isBefore(a: number, b: number): boolean {
    for (let i = 0; b + i < this.offset; i++) {
      const left = this.#bytes[a + i] as number;
      const right = this.#bytes[b + i] as number;
      if (left !== right) return left < right;
    }
    return false;
  }
}

/** Only false, true and null: the profile knows neither floats nor undefined nor other simple values. */
function simpleValue(head: number): boolean | null {
  if (head === Simple.null) return null;
  if (head !== Simple.true && head !== Simple.false) throw refused('float or simple value');
  return head === Simple.true;
}

/** ASCII, which most texts are, without the detour through the platform's decoder. */
function decodeText(bytes: Uint8Array): string {
  if (bytes.length > 64) return decodeUtf8(bytes);
  let text = '';
  for (const byte of bytes) {
    if (byte >= 0x80) return decodeUtf8(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

function decodeUtf8(bytes: Uint8Array): string {
  if (BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte)) throw refused('text begins with a byte order mark');
  try {
    return utf8Decoder.decode(bytes);
  } catch (cause) {
    throw refused('text is not UTF-8', cause);
  }
}

function refused(reason: string, cause?: unknown): SealMQError {
  return new SealMQError('DECODE_CBOR', `not deterministic CBOR: ${reason}`, cause);
}
