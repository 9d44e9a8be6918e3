import { decode, encode, Tagged } from 'cborg';
import { SealMQError } from '../errors.js';
import { assertDeterministic } from './deterministic.js';

/** What the profile's CBOR can hold. Integers are safe JavaScript integers; map keys are integers or text. */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap | Tagged;

/** A CBOR map with integer or text keys. */
export type CborMap = ReadonlyMap<number | string, CborValue>;

export { Tagged };

const DECODE_OPTIONS = {
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  tags: {
    16: (content: () => unknown) => new Tagged(16, content()),
    18: (content: () => unknown) => new Tagged(18, content()),
    96: (content: () => unknown) => new Tagged(96, content()),
  },
};

/** Deterministic encoding (RFC 8949 §4.2.1): shortest heads, definite lengths, map keys in bytewise order. */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = encode(value);
  // In Node the library answers some lengths as a Buffer, a view into memory that others share.
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes);
}

/**
 * Decodes exactly one data item and refuses what {@link encodeCbor} would not have written: indefinite lengths,
 * non-shortest heads, unsorted or repeated map keys, floats, integers beyond 2⁵³, nesting deeper than 16, trailing bytes.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  assertDeterministic(bytes);
  try {
    return decode(bytes, DECODE_OPTIONS) as CborValue;
  } catch (cause) {
    throw new SealMQError('DECODE_CBOR', 'not deterministic CBOR', cause);
  }
}
