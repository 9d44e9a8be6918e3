import { decode, encode, Tagged as TheirTagged } from 'cborg';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CborMap, type CborValue, decodeCbor, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { cborValues } from './cbor-values.js';
import { codeOf } from './error-code.js';

/** A codec that shares no line with ours, and is deterministic by default (RFC 8949 §4.2.1). */
const tags = Object.fromEntries(
  [16, 18, 96].map((tag) => [tag, (content: () => unknown) => new TheirTagged(tag, content())]),
);
const options = { allowIndefinite: false, strict: true, useMaps: true, rejectDuplicateMapKeys: true, tags };

test('cborg writes the same bytes', () => {
  fc.assert(
    fc.property(cborValues, (value) => {
      expect(encodeCbor(value)).toEqual(new Uint8Array(encode(theirs(value))));
    }),
    { numRuns: 1000 },
  );
});

test('cborg reads the same values', () => {
  fc.assert(
    fc.property(cborValues, (value) => {
      const bytes = encodeCbor(value);
      expect(decodeCbor(bytes)).toEqual(ours(decode(bytes, options)));
    }),
    { numRuns: 1000 },
  );
});

test('what we accept of random bytes, cborg reads alike', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      if (codeOf(() => decodeCbor(bytes)) === 'DECODE_CBOR') return;
      expect(decodeCbor(bytes)).toEqual(ours(decode(bytes, options)));
    }),
    { numRuns: 20_000 },
  );
});

function theirs(value: CborValue): unknown {
  if (value instanceof Tagged) return new TheirTagged(value.tag, theirs(value.value));
  if (Array.isArray(value)) return value.map(theirs);
  if (value instanceof Map) return new Map([...(value as CborMap)].map(([key, item]) => [key, theirs(item)]));
  return value;
}

function ours(value: unknown): unknown {
  if (value instanceof TheirTagged) return new Tagged(value.tag, ours(value.value) as CborValue);
  if (Array.isArray(value)) return value.map(ours);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, ours(item)]));
  return value instanceof Uint8Array ? new Uint8Array(value) : value;
}
