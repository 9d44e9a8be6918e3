import fc from 'fast-check';
import { type CborMap, type CborValue, Tagged } from '../../src/bytes/cbor.js';

/** Any Unicode text that keeps its form in UTF-8: no byte order mark in front. */
export const texts = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.startsWith('\ufeff'));

const integers = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 70_000 }),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.constantFrom(-1, -24, -25, -256, -257, -65_536, -65_537, -(2 ** 32), -(2 ** 32) - 1, Number.MIN_SAFE_INTEGER),
);

const exactIntegers = integers.filter((value) => !Object.is(value, -0));
const byteStrings = fc.uint8Array({ maxLength: 300 });

/** Everything that our CBOR can hold, a few levels deep. */
export const cborValues: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue; map: CborMap }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    exactIntegers,
    texts,
    byteStrings,
    fc.constantFrom(true, false, null),
    fc.array(tie('value'), { maxLength: 30 }),
    tie('map'),
    fc.tuple(fc.constantFrom(16, 18, 96), tie('value')).map(([tag, value]) => new Tagged(tag, value)),
  ),
  map: fc
    .array(fc.tuple(fc.oneof(exactIntegers, texts, fc.constant('__proto__')), tie('value')), { maxLength: 30 })
    .map((entries) => new Map(entries)),
})).value;
