import { SealMQError } from '../errors.js';

/** Deepest nesting of arrays, maps and tags that is looked into: a bomb of nested heads must not exhaust the stack. */
const MAX_DEPTH = 16;

const utf8Check = new TextDecoder('utf-8', { fatal: true });

/** U+FEFF at the start of a text (RFC 3629 §6): decoders drop it, and two texts would become one. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Refuses bytes that are not exactly one data item in deterministic encoding (RFC 8949 §4.2.1), by walking over the
 * heads without building a value.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`
 */
export function assertDeterministic(bytes: Uint8Array): void {
  if (itemEnd(bytes, 0) !== bytes.length) throw refused('trailing bytes');
}

/**
 * The offset just behind the data item that starts at `start`.
 *
 * @throws {@link SealMQError} `DECODE_CBOR` when the item is truncated or not deterministic
 */
export function itemEnd(bytes: Uint8Array, start: number, depth = 0): number {
  if (depth > MAX_DEPTH) throw refused('nested too deeply');
  const major = byteAt(bytes, start) >> 5;
  const [argument, position] = readHead(bytes, start);
  switch (major) {
    case 0:
    case 1:
      return position;
    case 2:
      return stringEnd(bytes, position, argument);
    case 3: {
      const end = stringEnd(bytes, position, argument);
      checkUtf8(bytes.subarray(position, end));
      return end;
    }
    case 4:
      return arrayEnd(bytes, position, argument, depth);
    case 5:
      return mapEnd(bytes, position, argument, depth);
    case 6:
      return itemEnd(bytes, position, depth + 1);
    default:
      // Only false, true and null: the profile knows neither floats nor undefined nor other simple values.
      if (argument < 20 || argument > 22 || position !== start + 1) throw refused('float or simple value');
      return position;
  }
}

/** The argument of the head at `start` and the offset behind the head (RFC 8949 §3), shortest form only. */
function readHead(bytes: Uint8Array, start: number): [argument: number, position: number] {
  const info = byteAt(bytes, start) & 31;
  if (info < 24) return [info, start + 1];
  if (info > 27) throw refused('indefinite length or reserved head');
  const size = 1 << (info - 24);
  let argument = 0;
  for (let i = 1; i <= size; i++) argument = argument * 256 + byteAt(bytes, start + i);
  const smallest = size === 1 ? 24 : 2 ** (4 * size);
  if (argument < smallest) throw refused('head not in shortest form');
  if (argument > Number.MAX_SAFE_INTEGER) throw refused('integer beyond 2^53');
  return [argument, start + 1 + size];
}

function stringEnd(bytes: Uint8Array, position: number, length: number): number {
  if (length > bytes.length - position) throw refused('string runs past the end');
  return position + length;
}

function arrayEnd(bytes: Uint8Array, position: number, count: number, depth: number): number {
  if (count > bytes.length - position) throw refused('array runs past the end');
  let offset = position;
  for (let i = 0; i < count; i++) offset = itemEnd(bytes, offset, depth + 1);
  return offset;
}

function mapEnd(bytes: Uint8Array, position: number, count: number, depth: number): number {
  if (count > bytes.length - position) throw refused('map runs past the end');
  let offset = position;
  let previousStart = -1;
  for (let i = 0; i < count; i++) {
    const keyStart = offset;
    const major = byteAt(bytes, keyStart) >> 5;
    if (major > 3 || major === 2) throw refused('map key is neither integer nor text');
    const keyEnd = itemEnd(bytes, keyStart, depth + 1);
    if (previousStart >= 0 && !isBefore(bytes, previousStart, keyStart, keyEnd)) throw refused('map keys not in order');
    previousStart = keyStart;
    offset = itemEnd(bytes, keyEnd, depth + 1);
  }
  return offset;
}

/** Whether the key at `a` sorts strictly before the key from `b` to `bEnd`; two keys of one length differ in a byte. */
function isBefore(bytes: Uint8Array, a: number, b: number, bEnd: number): boolean {
  for (let i = 0; b + i < bEnd; i++) {
    const left = bytes[a + i] as number;
    const right = bytes[b + i] as number;
    if (left !== right) return left < right;
  }
  return false;
}

function byteAt(bytes: Uint8Array, position: number): number {
  const byte = bytes[position];
  if (byte === undefined) throw refused('truncated');
  return byte;
}

function checkUtf8(bytes: Uint8Array): void {
  if (BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte)) throw refused('text begins with a byte order mark');
  try {
    utf8Check.decode(bytes);
  } catch (cause) {
    throw refused('text is not UTF-8', cause);
  }
}

function refused(reason: string, cause?: unknown): SealMQError {
  return new SealMQError('DECODE_CBOR', `not deterministic CBOR: ${reason}`, cause);
}
