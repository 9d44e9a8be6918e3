import { describe, expect, test } from 'vitest';
import { concat } from '../../src/bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { codeOf } from './error-code.js';
import { hex } from './hex.js';

const refusals: Record<string, Record<string, string>> = {
  'indefinite lengths': {
    'byte string': '5f 42 0102 43 030405 ff',
    text: '7f 65 7374726561 64 6d696e67 ff',
    array: '9f 01 02 ff',
    'empty array': '9fff',
    'array inside': '83 01 9f 02 03 ff 04',
    map: 'bf 61 61 01 ff',
    'break alone': 'ff',
  },
  'heads that are not the shortest': {
    '0 in two bytes': '1800',
    '23 in two bytes': '1817',
    '255 in three bytes': '1900ff',
    '65535 in five bytes': '1a0000ffff',
    '2^32-1 in nine bytes': '1b00000000ffffffff',
    '-1 in two bytes': '3800',
    'byte string': '5801 00',
    'text of 23 in two bytes': `7817 ${'61'.repeat(23)}`,
    array: '980101',
    map: 'b8010102',
    'tag 18 in three bytes': 'd90012 80',
    'length in nine bytes': '5b0000000000000001 00',
    'false in two bytes': 'f814',
  },
  'reserved heads': { '28': '1c', '29': '3d', '30': '5e', 'simple 28': 'fc', 'simple 30': 'fe' },
  'maps out of order': {
    'integers descending': 'a2 02 00 01 00',
    'negative before positive': 'a2 20 00 01 00',
    'text before integer': 'a2 6161 00 01 00',
    'text descending': 'a2 6162 00 6161 00',
    'longer text first': 'a2 626161 00 6162 00',
    'one key twice': 'a2 01 00 01 00',
    'one text twice': 'a2 6161 00 6161 01',
    'first and third key alike': 'a3 01 00 02 00 01 00',
    inside: '81 a2 02 00 01 00',
  },
  'map keys that are neither integer nor text': {
    bytes: 'a1 41 61 00',
    array: 'a1 80 00',
    map: 'a1 a0 00',
    null: 'a1 f6 00',
    true: 'a1 f5 00',
    tagged: 'a1 d2 00 00',
  },
  'values outside the profile': {
    'half float 0.0': 'f90000',
    'half float 1.5': 'f93e00',
    'single float': 'fa47c35000',
    'double float': 'fb3ff199999999999a',
    Infinity: 'f97c00',
    NaN: 'f97e00',
    undefined: 'f7',
    'simple 16': 'f0',
    'simple 24': 'f818',
    'simple 255': 'f8ff',
    '2^53': '1b0020000000000000',
    '2^64-1': '1bffffffffffffffff',
    '-2^53': '3b001fffffffffffff',
    '-2^53-1': '3b0020000000000000',
    '-2^64': '3bffffffffffffffff',
    bignum: 'c249010000000000000000',
    'date-time': 'c0 74 323031332d30332d32315432303a30343a30305a',
    'epoch time': 'c11a514b67b0',
    'tag 24': 'd818 45 6449455446',
    'self-described': 'd9d9f7 00',
    'tag 98': 'd862 80',
  },
  'text that is not UTF-8 or begins with a byte order mark': {
    'lone continuation': '61 80',
    'overlong slash': '62 c0af',
    'encoded surrogate': '63 eda080',
    'beyond U+10FFFF': '64 f4908080',
    'cut short': '61 c3',
    'as a map key': 'a1 61 ff 00',
    'byte order mark': '66 efbbbf 616263',
    'byte order mark in a key': 'a2 6161 00 64 efbbbf61 00',
  },
  'lengths that run past the end': {
    'byte string of 2^32-1': '5affffffff 00',
    'byte string of 2^53-1': '5b001fffffffffffff 00',
    'text of 2^32-1': '7affffffff 61',
    'array of 2^32-1': '9affffffff 00',
    'array of 2^53-1': '9b001fffffffffffff 00',
    'map of 2^32-1': 'baffffffff 00 00',
    'map of 2^53-1': 'bb001fffffffffffff 00 00',
    'array of one': '81',
    'map with a key only': 'a1 01',
    'tag of nothing': 'd2',
    'head cut short': '1a0000',
    nothing: '',
  },
  'more than one item': { two: '0000', 'an item and a break': '00ff', 'an item and half of one': '0018' },
};

for (const [what, inputs] of Object.entries(refusals)) {
  describe(`refuses ${what}`, () => {
    test.each(Object.entries(inputs))('%s', (_, bytes) => {
      expect(codeOf(() => decodeCbor(hex(bytes)))).toBe('DECODE_CBOR');
    });
  });
}

test('131,072 items are read, one more is not', () => {
  const items = (count: number) => encodeCbor(Array.from({ length: count - 1 }, () => 0));
  expect(codeOf(() => decodeCbor(items(131_072)))).toBe('nothing thrown');
  expect(codeOf(() => decodeCbor(items(131_073)))).toBe('DECODE_CBOR');
});

describe('nesting', () => {
  const nested = (head: string, depth: number) => concat(hex(head.repeat(depth)), hex('00'));

  test.each(['81', 'd2', 'a100'])('sixteen levels of %s are read, seventeen are not', (head) => {
    expect(codeOf(() => decodeCbor(nested(head, 16)))).toBe('nothing thrown');
    expect(codeOf(() => decodeCbor(nested(head, 17)))).toBe('DECODE_CBOR');
  });

  test.each([0x81, 0xd2, 0x9f, 0xa1, 0xc6])('1.5 MiB of %i are refused, not recursed into', (head) => {
    expect(codeOf(() => decodeCbor(new Uint8Array(3 << 19).fill(head)))).toBe('DECODE_CBOR');
  });

  test('a wide array of empty arrays is no bomb', () => {
    const count = 1 << 16;
    const bytes = new Uint8Array(5 + count).fill(0x80);
    bytes.set(hex('9a00010000'));
    expect(decodeCbor(bytes)).toHaveLength(count);
  });
});

test('the refusal names the rule and quotes nothing of the input', () => {
  const secret = 'correct horse battery staple';
  const bytes = concat(hex('82 78 1c'), new TextEncoder().encode(secret), hex('f7'));
  expect(() => decodeCbor(bytes)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('horse') }));
});
