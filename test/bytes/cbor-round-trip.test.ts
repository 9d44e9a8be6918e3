import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { cborValues } from './cbor-values.js';
import { codeOf } from './error-code.js';
import { hex } from './hex.js';
import { itemEnd } from './item-end.js';

describe('what encodeCbor writes', () => {
  test('decodes to the same value, and encodes to the same bytes again', () => {
    fc.assert(
      fc.property(cborValues, (value) => {
        const bytes = encodeCbor(value);
        expect(decodeCbor(bytes)).toEqual(value);
        expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('is refused when any tail is missing or anything follows', () => {
    fc.assert(
      fc.property(cborValues, fc.nat(255), (value, extra) => {
        const bytes = encodeCbor(value);
        for (let end = 0; end < Math.min(bytes.length, 300); end++) {
          expect(codeOf(() => decodeCbor(bytes.subarray(0, end)))).toBe('DECODE_CBOR');
        }
        expect(codeOf(() => decodeCbor(Uint8Array.of(...bytes, extra)))).toBe('DECODE_CBOR');
      }),
    );
  });

  test('ends where itemEnd says, whatever follows', () => {
    fc.assert(
      fc.property(cborValues, fc.uint8Array({ maxLength: 20 }), (value, rest) => {
        const bytes = encodeCbor(value);
        expect(itemEnd(Uint8Array.of(...bytes, ...rest), 0)).toBe(bytes.length);
      }),
    );
  });

  test('does not depend on the order in which a map was filled', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(fc.integer(), fc.string()), { maxLength: 40 }), (keys) => {
        const forwards = new Map(keys.map((key) => [key, 0]));
        const backwards = new Map(keys.toReversed().map((key) => [key, 0]));
        expect(encodeCbor(forwards)).toEqual(encodeCbor(backwards));
      }),
    );
  });

  test('does not hang on the buffer it was decoded from being a Node Buffer', () => {
    const bytes = encodeCbor(['a', Uint8Array.of(1, 2, 3)]);
    expect(decodeCbor(Buffer.from(bytes))).toEqual(decodeCbor(bytes));
  });
});

test('random bytes are refused with the one code, or are exactly what encodeCbor writes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      if (codeOf(() => decodeCbor(bytes)) === 'DECODE_CBOR') return;
      expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes);
    }),
    { numRuns: 20_000 },
  );
});

test('a map key __proto__ is an entry like any other', () => {
  const value = decodeCbor(hex('a1 69 5f5f70726f746f5f5f a1 66 69736576696c f5')) as CborMap;
  expect([...value.keys()]).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(value)).toBe(Map.prototype);
  expect(({} as { isevil?: boolean }).isevil).toBeUndefined();
});

describe('RFC 8949 Appendix A, the examples that fit the profile', () => {
  const examples: [CborValue, string][] = [
    [0, '00'],
    [1, '01'],
    [10, '0a'],
    [23, '17'],
    [24, '1818'],
    [25, '1819'],
    [100, '1864'],
    [1000, '1903e8'],
    [1_000_000, '1a000f4240'],
    [1_000_000_000_000, '1b000000e8d4a51000'],
    [-1, '20'],
    [-10, '29'],
    [-100, '3863'],
    [-1000, '3903e7'],
    [false, 'f4'],
    [true, 'f5'],
    [null, 'f6'],
    [hex(''), '40'],
    [hex('01020304'), '4401020304'],
    ['', '60'],
    ['a', '6161'],
    ['IETF', '6449455446'],
    ['"\\', '62225c'],
    ['\u00fc', '62c3bc'],
    ['\u6c34', '63e6b0b4'],
    ['\ud800\udd51', '64f0908591'],
    [[], '80'],
    [[1, 2, 3], '83010203'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [Array.from({ length: 25 }, (_, i) => i + 1), '98190102030405060708090a0b0c0d0e0f101112131415161718181819'],
    [new Map(), 'a0'],
    [
      new Map([
        [1, 2],
        [3, 4],
      ]),
      'a201020304',
    ],
    [
      new Map<string, CborValue>([
        ['a', 1],
        ['b', [2, 3]],
      ]),
      'a26161016162820203',
    ],
    [['a', new Map([['b', 'c']])], '826161a161626163'],
    [new Map([...'abcde'].map((key) => [key, key.toUpperCase()])), 'a56161614161626142616361436164614461656145'],
  ];
  test.each(examples)('%j is %s both ways', (value, encoded) => {
    expect(toHex(encodeCbor(value))).toBe(encoded);
    expect(decodeCbor(hex(encoded))).toEqual(value);
  });
});

test('the three tags of the profile keep what they tag', () => {
  for (const tag of [16, 18, 96]) {
    const bytes = encodeCbor(new Tagged(tag, [1]));
    expect(decodeCbor(bytes)).toEqual(new Tagged(tag, [1]));
  }
});
