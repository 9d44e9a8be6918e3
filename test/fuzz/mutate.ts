import { concat } from '../../src/bytes/bytes.js';
import type { Random } from '../../src/testing/seeded.js';
import { itemEnd } from '../bytes/item-end.js';
import { sloppyEncodings } from '../envelope/sloppy.js';

type Mutation = (input: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

/** Heads, lengths and values that have been trouble for decoders. */
const INTERESTING = [
  [0x00],
  [0x7f],
  [0x80],
  [0xff],
  [0x1f],
  [0x5f],
  [0x9f],
  [0xbf],
  [0xf6],
  [0xf7],
  [0xfb],
  [0xd2],
  [0xd8, 0x60],
  [0xa0],
  [0x18, 0xff],
  [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x5b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x9a, 0xff, 0xff, 0xff, 0xff],
  [0xba, 0x7f, 0xff, 0xff, 0xff],
  [0x40],
  [0x60],
  [0xa1, 0x00, 0x00],
  [0x82, 0x00, 0x00],
  [0x69, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f],
  [0xef, 0xbb, 0xbf],
  [0xed, 0xa0, 0x80],
].map((bytes) => Uint8Array.from(bytes));

/** Of bytes, whatever they are. */
const byteMutations: readonly Mutation[] = [
  (input, random) => withByte(input, random.next(input.length), (byte) => byte ^ (1 << random.next(8))),
  (input, random) => withByte(input, random.next(input.length), () => random.next(256)),
  (input, random) => withByte(input, random.next(input.length), (byte) => byte + random.pick([1, -1])),
  (input, random) => input.slice(0, random.next(input.length)),
  (input, random) => splice(input, random.next(input.length + 1), 0, random.pick(INTERESTING)),
  (input, random) => splice(input, random.next(input.length), 1 + random.next(8), new Uint8Array(0)),
  (input, random) => splice(input, random.next(input.length), 1, random.pick(INTERESTING)),
  (input, random) => {
    const [from, length] = [random.next(input.length), 1 + random.next(32)];
    return splice(input, random.next(input.length), 0, input.slice(from, from + length));
  },
  (input, random, other) => concat(input.slice(0, random.next(input.length)), other.slice(random.next(other.length))),
];

/** Of one data item inside: it is replaced, removed, repeated, or wrapped. */
const itemMutations: readonly Mutation[] = [
  (input, random) => atItem(input, random, () => random.pick(INTERESTING)),
  (input, random) => atItem(input, random, () => new Uint8Array(0)),
  (input, random) => atItem(input, random, (item) => concat(item, item)),
  (input, random) => atItem(input, random, (item) => concat(Uint8Array.of(random.pick([0x81, 0xd2, 0xc6])), item)),
  (input, random, other) => atItem(input, random, () => itemOf(other, random)),
  (input, random) => atItem(input, random, () => itemOf(input, random)),
  (input, random) => random.pick([{ bytes: input }, ...sloppyEncodings(input)]).bytes,
];

/** One to four mutations of `input`; `other` is a second valid input to take parts from. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let mutated = input;
  for (let i = 1 + random.next(4); i > 0 && mutated.length > 0; i--) {
    const mutation = random.pick(random.next(2) === 0 ? itemMutations : byteMutations);
    mutated = structured(mutation, mutated, random, other);
  }
  return mutated;
}

/** What is not CBOR any more is mutated byte by byte. */
function structured(mutation: Mutation, input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  try {
    return mutation(input, random, other);
  } catch {
    return random.pick(byteMutations)(input, random, other);
  }
}

/** Applies `edit` to one item of `input`, and lets the byte strings around it keep their lengths right half of the time. */
function atItem(input: Uint8Array, random: Random, edit: (item: Uint8Array) => Uint8Array): Uint8Array {
  const inner = random.next(2) === 0 ? undefined : random.pick([undefined, ...embedded(input)]);
  if (inner) {
    const edited = atItem(input.slice(inner.from, inner.to), random, edit);
    return splice(input, inner.start, inner.to - inner.start, concat(byteStringHead(edited.length), edited));
  }
  const start = random.pick(itemStarts(input, 0));
  const end = itemEnd(input, start);
  return splice(input, start, end - start, edit(input.slice(start, end)));
}

function itemOf(input: Uint8Array, random: Random): Uint8Array {
  const start = random.pick(itemStarts(input, 0));
  return input.slice(start, itemEnd(input, start));
}

/** Byte strings that hold CBOR themselves. */
function embedded(input: Uint8Array): { start: number; from: number; to: number }[] {
  return itemStarts(input, 0).flatMap((start) => {
    const first = input[start] ?? 0;
    if (first >> 5 !== 2) return [];
    const from = start + headSize(first);
    const to = itemEnd(input, start);
    try {
      return from < to && itemEnd(input.subarray(from, to), 0) === to - from ? [{ start, from, to }] : [];
    } catch {
      return [];
    }
  });
}

function itemStarts(input: Uint8Array, start: number): number[] {
  const first = input[start] ?? 0;
  const size = headSize(first);
  const argument =
    size === 1 ? first & 31 : input.slice(start + 1, start + size).reduce((sum, byte) => sum * 256 + byte, 0);
  const count = [0, 0, 0, 0, argument, 2 * argument, 1][first >> 5] ?? 0;
  const starts = [start];
  for (let i = 0, offset = start + size; i < count; i++, offset = itemEnd(input, offset)) {
    starts.push(...itemStarts(input, offset));
  }
  return starts;
}

function headSize(first: number): number {
  const info = first & 31;
  return info < 24 ? 1 : 1 + (1 << (info - 24));
}

function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length);
  return length < 256 ? Uint8Array.of(0x58, length) : Uint8Array.of(0x59, length >> 8, length);
}

function withByte(input: Uint8Array, at: number, edit: (byte: number) => number): Uint8Array {
  const copy = input.slice();
  copy[at] = edit(copy[at] ?? 0);
  return copy;
}

function splice(input: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return concat(input.slice(0, at), insert, input.slice(at + remove));
}
