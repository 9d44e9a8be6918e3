import { concat } from '../../src/bytes/bytes.js';
import { itemEnd } from '../bytes/item-end.js';

/**
 * Encodings of the same data that deterministic CBOR forbids (RFC 8949 §4.2.1), one violation each: heads longer than
 * they need be, indefinite lengths, map entries out of order or repeated.
 *
 * @param bytes - one deterministically encoded data item
 */
export function sloppyEncodings(bytes: Uint8Array): { name: string; bytes: Uint8Array }[] {
  return itemStarts(bytes, 0).flatMap((start) => {
    const variants = [longerHead(bytes, start), indefiniteLength(bytes, start), ...disorderedMap(bytes, start)];
    return variants.filter((variant) => variant !== undefined);
  });
}

interface Head {
  readonly major: number;
  readonly argument: number;
  readonly size: number;
}

function headAt(bytes: Uint8Array, start: number): Head {
  const first = bytes[start] ?? 0;
  const info = first & 31;
  if (info < 24) return { major: first >> 5, argument: info, size: 1 };
  const length = 1 << (info - 24);
  const argument = bytes.subarray(start + 1, start + 1 + length).reduce((sum, byte) => sum * 256 + byte, 0);
  return { major: first >> 5, argument, size: 1 + length };
}

/** Where each data item begins, the nested ones included. */
function itemStarts(bytes: Uint8Array, start: number): number[] {
  return [start, ...children(bytes, start).flatMap((child) => itemStarts(bytes, child))];
}

/** Where the items directly inside an array, map or tag begin. */
function children(bytes: Uint8Array, start: number): number[] {
  const { major, argument, size } = headAt(bytes, start);
  const count = [0, 0, 0, 0, argument, argument * 2, 1][major] ?? 0;
  const starts: number[] = [];
  for (let offset = start + size; starts.length < count; offset = itemEnd(bytes, offset)) starts.push(offset);
  return starts;
}

function longerHead(bytes: Uint8Array, start: number) {
  const { major, argument, size } = headAt(bytes, start);
  const width = size === 1 ? 1 : (size - 1) * 2;
  if (width > 8 || major === 7) return undefined;
  const head = new Uint8Array(1 + width);
  head[0] = (major << 5) | (24 + Math.log2(width));
  for (let i = width, rest = argument; i > 0; i--, rest = Math.floor(rest / 256)) head[i] = rest % 256;
  return variant(`head of ${head.length} bytes`, start, bytes, start + size, head);
}

function indefiniteLength(bytes: Uint8Array, start: number) {
  const { major, size } = headAt(bytes, start);
  if (major < 2 || major > 5) return undefined;
  const end = itemEnd(bytes, start);
  const head = Uint8Array.of((major << 5) | 31);
  // A string of indefinite length is made of chunks: here of one.
  const body = major < 4 ? bytes.subarray(start, end) : bytes.subarray(start + size, end);
  return variant('indefinite length', start, bytes, end, concat(head, body, Uint8Array.of(0xff)));
}

function disorderedMap(bytes: Uint8Array, start: number) {
  const { major, argument, size } = headAt(bytes, start);
  if (major !== 5 || argument === 0) return [];
  const end = itemEnd(bytes, start);
  const starts = children(bytes, start);
  const entries = starts.filter((_, i) => i % 2 === 0).map((from, i) => bytes.subarray(from, starts[2 * i + 2] ?? end));
  const repeated = concat(Uint8Array.of(0xa0 | (argument + 1)), ...entries, entries.at(-1) ?? new Uint8Array(0));
  const twice = variant('a repeated key', start, bytes, end, repeated);
  if (argument === 1) return [twice];
  const reversed = concat(bytes.subarray(start, start + size), ...entries.toReversed());
  return [twice, variant('keys in reverse', start, bytes, end, reversed)];
}

function variant(name: string, start: number, bytes: Uint8Array, end: number, replacement: Uint8Array) {
  return { name: `${name} at ${start}`, bytes: concat(bytes.subarray(0, start), replacement, bytes.subarray(end)) };
}
