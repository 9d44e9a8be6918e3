import { type CborMap, type CborValue, decodeCbor } from '../../bytes/cbor.js';
import { SealMQError } from '../../errors.js';

/**
 * Decodes stored bytes: a CBOR map with text keys, one of them `version`.
 *
 * @param version - the newest version that is known
 * @throws `STATE_CORRUPT` when it is none, `STATE_NEWER_SCHEMA` when its version is above `version`
 */
export function decodeVersioned(encoded: Uint8Array, version: number): CborMap {
  const map = decodeStored(encoded);
  const found = map instanceof Map ? map.get('version') : undefined;
  if (isCount(found) && found > version) throw new SealMQError('STATE_NEWER_SCHEMA', `version ${found} is unknown`);
  if (found !== version) throw new SealMQError('STATE_CORRUPT', 'not a map with a version');
  return map as CborMap;
}

/** Decodes stored CBOR. @throws `STATE_CORRUPT` */
export function decodeStored(encoded: Uint8Array): CborValue {
  try {
    return decodeCbor(encoded);
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', 'stored bytes are not deterministic CBOR', cause);
  }
}

/** The bytes under `name`, of exactly `length` where given. @throws `STATE_CORRUPT` */
export function bytesField(map: CborMap, name: string, length?: number): Uint8Array {
  const value = map.get(name);
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
    throw new SealMQError('STATE_CORRUPT', `"${name}" is missing or of a wrong size`);
  }
  return value;
}

/** The integer ≥ 1 under `name`. @throws `STATE_CORRUPT` */
export function countField(map: CborMap, name: string): number {
  const value = map.get(name);
  if (!isCount(value)) throw new SealMQError('STATE_CORRUPT', `"${name}" is missing or not a positive integer`);
  return value;
}

function isCount(value: CborValue | undefined): value is number {
  return typeof value === 'number' && value >= 1;
}
