import { concat } from '../bytes/bytes.js';
import { type Ec2PublicKey, type PublicKey, publicKeyMap, readPublicKey } from '../cose/key.js';
import { SealMQError } from '../errors.js';

const COORDINATE_BYTES = 32;
const UNCOMPRESSED = Uint8Array.of(4);

/** The uncompressed point (SEC 1 §2.3.3) of a P-256 key: 04 ‖ x ‖ y, 65 bytes. */
export function encodePoint(key: Ec2PublicKey): Uint8Array {
  return concat(UNCOMPRESSED, key.x, key.y);
}

/** The P-256 key of an uncompressed point of 65 bytes, as backends hand it out. */
export function decodePoint(point: Uint8Array): Ec2PublicKey {
  const yStart = 1 + COORDINATE_BYTES;
  return {
    kty: 'EC2',
    crv: 'P-256',
    x: new Uint8Array(point.slice(1, yStart)),
    y: new Uint8Array(point.slice(yStart)),
  };
}

/**
 * Refuses a key whose parameters have odd sizes. A key that came out of `readPublicKey` passes; one that was put together
 * by hand may not.
 *
 * @throws {@link SealMQError} `DECODE_KEY`
 */
export function checkShape(key: PublicKey): void {
  readPublicKey(publicKeyMap(key));
}

/**
 * Imports each key object once and keeps the result for as long as the object lives.
 *
 * @param importKey - may throw whatever the platform throws, or reject with it; the caller sees `DECODE_KEY`
 */
export function importOnce<Imported extends object>(
  importKey: (key: PublicKey) => Imported,
): (key: PublicKey) => Imported {
  const imported = new WeakMap<PublicKey, Imported>();
  return (key) => {
    const known = imported.get(key);
    if (known !== undefined) return known;
    checkShape(key);
    const fresh = attempt(() => importKey(key));
    imported.set(key, fresh);
    return fresh;
  };
}

/** A `DECODE_KEY` error: the parameters are no key of their algorithm. */
export function invalidKey(cause?: unknown): SealMQError {
  return new SealMQError('DECODE_KEY', 'not a valid key for its algorithm', cause);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw invalidKey(cause);
  }
}
