import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBase64url, toBase64url } from '../../src/bytes/base64url.js';
import { codeOf } from './error-code.js';
import { hex } from './hex.js';

test('agrees with Node on every byte string, and comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = toBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64url'));
      expect(fromBase64url(text)).toEqual(bytes);
    }),
  );
});

test('every byte string has exactly one text', () => {
  const characters = fc.constantFrom(...'ABwxyz0189-_=+/ \n.\u00e9\ud83d\ude00');
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
      if (codeOf(() => fromBase64url(text)) === 'USAGE_INVALID_ARGUMENT') return;
      expect(toBase64url(fromBase64url(text))).toBe(text);
    }),
    { numRuns: 5000 },
  );
});

describe('RFC 4648 §10 without padding', () => {
  test.each([
    ['', ''],
    ['66', 'Zg'],
    ['666f', 'Zm8'],
    ['666f6f', 'Zm9v'],
    ['666f6f62', 'Zm9vYg'],
    ['666f6f6261', 'Zm9vYmE'],
    ['666f6f626172', 'Zm9vYmFy'],
    ['fbff', '-_8'],
  ])('%s is %s', (bytes, text) => {
    expect(toBase64url(hex(bytes))).toBe(text);
    expect(fromBase64url(text)).toEqual(hex(bytes));
  });
});

describe('refuses', () => {
  test.each([
    ['padding', 'Zg=='],
    ['one padding character', 'Zm8='],
    ['the alphabet with + and /', '+/8'],
    ['white space in front', ' Zg'],
    ['a line feed behind', 'Zm9v\n'],
    ['a space inside', 'Zm 9v'],
    ['left-over bits that are not zero, two characters', 'Zh'],
    ['left-over bits that are not zero, three characters', 'Zm9'],
    ['a length that no byte string has', 'Z'],
    ['five characters', 'Zm9vY'],
    ['a foreign letter', 'Zmé'],
    ['a character outside the basic plane', 'Z\ud83d\ude00'],
    ['half a surrogate pair', 'Zm\ud83d'],
    ['NUL', 'Zm\u0000v'],
  ])('%s', (_, text) => {
    expect(codeOf(() => fromBase64url(text))).toBe('USAGE_INVALID_ARGUMENT');
  });
});
