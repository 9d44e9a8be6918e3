import { SealMQError } from '../errors.js';
import { utf8 } from './bytes.js';
import { type CborMap, type CborValue, Major, Simple, Tagged } from './cbor-value.js';
import { fresh, lend } from './memory.js';

/** What can be encoded. */
export type Encodable = CborValue | readonly Encodable[] | Tagged<Encodable>;

const encoder = new TextEncoder();

/**
 * Deterministic encoding (RFC 8949 §4.2.1): shortest heads, definite lengths, map keys in bytewise order.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for what is not a {@link CborValue}, such as a fraction
 */
export function encodeCbor(value: Encodable): Uint8Array {
  return encodeAt(0, value, fresh(sizeOf(value)));
}

/** Writes the encoding of `value`, which is {@link sizeOf} long, from `offset` on; answers `target`. */
export function encodeAt(offset: number, value: Encodable, target: Uint8Array): Uint8Array {
  write(value, target, offset);
  return target;
}

/**
 * {@link encodeCbor} for what is hashed, signed, authenticated or made part of something larger, and then forgotten: a view
 * into memory that it shares with others of its kind, which takes a tenth of the time that memory of its own takes. Whoever is
 * through with a large one may give it back. Never for what leaves the library, and never for secrets.
 */
export function encodeBriefly(value: Encodable): Uint8Array {
  const size = sizeOf(value);
  if (size > SLAB_BYTES / 4) return encodeAt(0, value, lend(size));
  if (size > SLAB_BYTES - slabUsed) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const target = slab.subarray(slabUsed, slabUsed + size);
  slabUsed += size;
  return encodeAt(0, value, target);
}

/** Memory is handed out once; a slab goes when nobody holds a part of it any more. */
const SLAB_BYTES = 32_768;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/** Length of the encoding in bytes. It is known before anything is written, so that nothing is written twice. @throws as {@link encodeCbor} */
export function sizeOf(value: Encodable): number {
  if (typeof value === 'number') return integerSize(value);
  if (typeof value === 'string') return withHead(utf8Length(value));
  if (typeof value === 'boolean' || value === null) return 1;
  if (value instanceof Uint8Array) return withHead(value.length);
  if (value instanceof Map) return mapSize(value);
  if (Array.isArray(value)) {
    let size = headSize(value.length);
    for (const item of value) size += sizeOf(item);
    return size;
  }
  if (value instanceof Tagged) return headSize(value.tag) + sizeOf(value.value);
  throw unencodable();
}

function integerSize(value: number): number {
  if (!Number.isSafeInteger(value)) throw unencodable();
  return headSize(value < 0 ? -1 - value : value);
}

/** `forEach` here and below: an entry of an iterator is an array and a result object, for each encoding of each map. */
function mapSize(map: CborMap): number {
  let size = headSize(map.size);
  map.forEach((value, key) => {
    size += sizeOf(key) + sizeOf(value);
  });
  return size;
}

function withHead(length: number): number {
  return headSize(length) + length;
}

/** Bytes of a head with this argument. */
export function headSize(argument: number): number {
  if (argument < 24) return 1;
  if (argument < 0x100) return 2;
  if (argument < 0x1_0000) return 3;
  return argument < 0x1_0000_0000 ? 5 : 9;
}

/** Writes `value` at `offset` and answers the offset behind it. */
function write(value: Encodable, target: Uint8Array, offset: number): number {
  if (typeof value === 'number') {
    return value < 0
      ? writeHead(target, offset, Major.negative, -1 - value)
      : writeHead(target, offset, Major.unsigned, value);
  }
  if (typeof value === 'string') return writeText(value, target, offset);
  if (typeof value === 'boolean') return writeByte(target, offset, value ? Simple.true : Simple.false);
  if (value === null) return writeByte(target, offset, Simple.null);
  if (value instanceof Uint8Array) {
    return writeBytes(value, target, writeHead(target, offset, Major.bytes, value.length));
  }
  if (value instanceof Map) return writeMap(value, target, offset);
  if (value instanceof Tagged) return write(value.value, target, writeHead(target, offset, Major.tag, value.tag));
  const items = value as readonly Encodable[];
  let end = writeHead(target, offset, Major.array, items.length);
  for (const item of items) end = write(item, target, end);
  return end;
}

function writeMap(map: CborMap, target: Uint8Array, offset: number): number {
  let end = writeHead(target, offset, Major.map, map.size);
  inOrder(map).forEach((value, key) => {
    end = write(value, target, write(key, target, end));
  });
  return end;
}

/** Writes a head with its argument in the shortest form (RFC 8949 §3) at `offset`, and answers the offset behind it. */
export function writeHead(target: Uint8Array, offset: number, major: number, argument: number): number {
  if (argument < 24) return writeByte(target, offset, major | argument);
  const size = headSize(argument) - 1;
  target[offset] = major | (24 + Math.log2(size));
  let rest = argument;
  for (let i = offset + size; i > offset; i--) {
    target[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + 1 + size;
}

function writeByte(target: Uint8Array, offset: number, byte: number): number {
  target[offset] = byte;
  return offset + 1;
}

function writeBytes(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  target.set(bytes, offset);
  return offset + bytes.length;
}

function writeText(text: string, target: Uint8Array, offset: number): number {
  const length = utf8Length(text);
  const start = writeHead(target, offset, Major.text, length);
  if (length === text.length) for (let i = 0; i < length; i++) target[start + i] = text.charCodeAt(i);
  else encoder.encodeInto(text, target.subarray(start));
  return start + length;
}

/** Bytes of `text` in UTF-8; half a surrogate pair counts as the U+FFFD that stands for it. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    // A pair is two units and four bytes.
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return length;
}

/** The map with its entries in bytewise order of their encoded keys (RFC 8949 §4.2.1). */
function inOrder(map: CborMap): CborMap {
  let previous: number | string | undefined;
  let ordered = true;
  map.forEach((_value, key) => {
    ordered &&= previous === undefined || compareKeys(previous, key) < 0;
    previous = key;
  });
  return ordered ? map : new Map([...map].sort(([a], [b]) => compareKeys(a, b)));
}

/** Heads sort first by major type, then by argument; so do integers, and texts of different lengths. */
function compareKeys(a: number | string, b: number | string): number {
  const major = rank(a) - rank(b);
  if (major !== 0) return major;
  if (typeof a === 'number') return Math.abs(a) - Math.abs(b as number);
  return compareText(a, b as string);
}

function rank(key: number | string): number {
  if (typeof key === 'string') return 2;
  return key < 0 ? 1 : 0;
}

function compareText(a: string, b: string): number {
  const length = utf8Length(a);
  const longer = length - utf8Length(b);
  if (longer !== 0 || a === b) return longer;
  // ASCII sorts as its code units do.
  if (length === a.length && length === b.length) return a < b ? -1 : 1;
  const left = utf8(a);
  const right = utf8(b);
  const i = left.findIndex((byte, at) => byte !== right[at]);
  return i < 0 ? 0 : (left[i] as number) - (right[i] as number);
}

function unencodable(): SealMQError {
  return new SealMQError('USAGE_INVALID_ARGUMENT', 'a value that our CBOR cannot hold');
}
