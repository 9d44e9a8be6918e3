import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import {
  isArrayOf,
  isBytes,
  isBytesOf,
  isCounter,
  isText,
  present,
  readFields,
  toMap,
} from '../../src/bytes/fields.js';
import { codeOf } from './error-code.js';

describe('readFields', () => {
  const fields = readFields(new Map<string, CborValue>([['version', 7]]), 'DECODE_RECORD', 'thing');

  test('answers what passes its check', () => {
    expect(fields.required('version', isCounter)).toBe(7);
    expect(fields.optional('version', isCounter)).toBe(7);
    expect(fields.optional('name', isText(10))).toBeUndefined();
  });

  test('refuses what is missing or of another type, optional or not', () => {
    expect(codeOf(() => fields.required('name', isText(10)))).toBe('DECODE_RECORD');
    expect(codeOf(() => fields.required('version', isText(10)))).toBe('DECODE_RECORD');
    expect(codeOf(() => fields.optional('version', isText(10)))).toBe('DECODE_RECORD');
  });

  test.each([[null], ['text'], [7], [[1]], [new Uint8Array(3)], [undefined]])(
    'refuses %j, which is no map',
    (value) => {
      expect(codeOf(() => readFields(value, 'DECODE_CLAIMS', 'thing'))).toBe('DECODE_CLAIMS');
    },
  );

  test('a null entry is not an absent one', () => {
    const map = readFields(new Map([['name', null]]), 'DECODE_RECORD', 'thing');
    expect(codeOf(() => map.optional('name', isText(10)))).toBe('DECODE_RECORD');
  });
});

test('present and toMap leave out what is undefined, and only that', () => {
  expect(present({ a: 0, b: undefined, c: null, d: '' })).toEqual({ a: 0, c: null, d: '' });
  expect(Object.keys(present({ a: undefined }))).toEqual([]);
  expect([...toMap({ a: 0, b: undefined, c: null })]).toEqual([
    ['a', 0],
    ['c', null],
  ]);
});

describe('checks', () => {
  test.each([
    [isCounter, [0, 1, Number.MAX_SAFE_INTEGER], [-1, 1.5, 2 ** 53, Number.NaN, '1', null, undefined]],
    [isBytes, [new Uint8Array(0), new Uint8Array(3)], ['', [1], null]],
    [isBytesOf(2), [new Uint8Array(2)], [new Uint8Array(1), new Uint8Array(3), 'ab']],
    [isText(3), ['a', 'abc', '\u00e9'], ['', 'abcd', 1, null, '\ufeffa', '\ud800', 'a\udc00']],
    [isArrayOf(isCounter, 2), [[], [1], [1, 2]], [[1, 2, 3], ['1'], 1, null]],
  ])('%#', (check, good, bad) => {
    for (const value of good) expect(check(value)).toBe(true);
    for (const value of bad) expect(check(value)).toBe(false);
  });

  test('text that passes isText comes out of CBOR as it went in', () => {
    const units = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0xfeff, 0xd83d, 0xde00));
    const texts = fc.array(units, { minLength: 1, maxLength: 8 }).map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(texts, (text) => {
        if (isText(8)(text)) expect(decodeCbor(encodeCbor(text))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});
