import { toHex } from '../bytes/bytes.js';
import { decodePrivateKey, type PrivateParameters, type PublicKey, type RsaPublicKey } from '../cose/key.js';
import { SealMQError } from '../errors.js';
import { isKeyFor } from './key-algorithms.js';
import type { KeyAlgorithm, PrivateKey } from './provider.js';
import { invalidKey } from './public-keys.js';

/** The secret half of a private key, in the form that a backend works with. */
export interface Held<Secret> {
  readonly secret: Secret;
  readonly extractable: boolean;
}

/** What leads from the opaque handle to its secret; who does not have this table has no way to it. */
export type HeldKeys<Secret> = WeakMap<PrivateKey, Held<Secret>>;

/** Both halves of a private COSE_Key. */
export interface PrivateKeyParts {
  readonly publicKey: PublicKey;
  readonly secrets: PrivateParameters;
}

const SCALAR_BYTES = 32;

/** Makes the opaque handle of a secret and enters it into `keys`. */
export function holdKey<Secret>(
  keys: HeldKeys<Secret>,
  algorithm: KeyAlgorithm,
  publicKey: PublicKey,
  held: Held<Secret>,
): PrivateKey {
  const key = Object.freeze({ algorithm, publicKey });
  keys.set(key, held);
  return key;
}

/** What `keys` holds for a handle. @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for a handle of another provider */
export function heldKey<Secret>(keys: HeldKeys<Secret>, key: PrivateKey): Held<Secret> {
  const held = keys.get(key);
  if (held === undefined) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'private key of another crypto provider');
  return held;
}

/**
 * Decodes a private COSE_Key and checks what can be checked without the backend: that it is a key for `algorithm`, the
 * size of the scalar, and that RSA's primes are those of the modulus.
 *
 * @throws {@link SealMQError} `DECODE_KEY`
 */
export function readPrivateKey(algorithm: KeyAlgorithm, coseKey: Uint8Array): PrivateKeyParts {
  const parts = decode(coseKey);
  const { publicKey, secrets } = parts;
  if (!isKeyFor(algorithm, publicKey)) throw invalidKey();
  if (publicKey.kty === 'RSA' ? !areFactors(publicKey, secrets) : secrets.d.length !== SCALAR_BYTES) throw invalidKey();
  return parts;
}

function decode(coseKey: Uint8Array): PrivateKeyParts {
  try {
    return decodePrivateKey(coseKey);
  } catch (cause) {
    throw invalidKey(cause);
  }
}

function areFactors(key: RsaPublicKey, { p, q }: PrivateParameters): boolean {
  return p !== undefined && q !== undefined && toInteger(p) * toInteger(q) === toInteger(key.n);
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}
