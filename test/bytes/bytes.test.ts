import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, equal, fromUtf8, toHex, utf8 } from '../../src/bytes/bytes.js';

const someBytes = fc.uint8Array({ maxLength: 40 });

test('concat is one after the other, in an array of its own', () => {
  fc.assert(
    fc.property(fc.array(someBytes, { maxLength: 5 }), (parts) => {
      const joined = concat(...parts);
      expect([...joined]).toEqual(parts.flatMap((part) => [...part]));
      expect(parts.every((part) => part.buffer !== joined.buffer)).toBe(true);
    }),
  );
});

test('equal is equality of contents', () => {
  fc.assert(
    fc.property(someBytes, someBytes, (a, b) => {
      expect(equal(a, b)).toBe(toHex(a) === toHex(b));
      expect(equal(a, a.slice())).toBe(true);
    }),
  );
});

test('equal notices one flipped bit wherever it is', () => {
  const bytes = new Uint8Array(32).fill(0x5a);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = bytes.slice();
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(equal(bytes, other)).toBe(false);
  }
});

test('hexadecimal and UTF-8 agree with Node', () => {
  fc.assert(
    fc.property(someBytes, fc.string({ unit: 'binary' }), (bytes, text) => {
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
      expect([...utf8(text)]).toEqual([...Buffer.from(text)]);
      expect(fromUtf8(utf8(text))).toBe(text);
    }),
  );
  expect(() => fromUtf8(Uint8Array.of(0xc0, 0xaf))).toThrow(TypeError);
});
