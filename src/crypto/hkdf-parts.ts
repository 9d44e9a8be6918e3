import { concat } from '../bytes/bytes.js';
import type { CryptoProvider } from './provider.js';
import { type Steps, step } from './steps.js';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const ONE = Uint8Array.of(1);

/**
 * HKDF-Extract over SHA-256 (RFC 5869 §2.2), for key schedules that extract twice.
 *
 * @param salt - at most 64 bytes
 * @returns the pseudorandom key, 32 bytes
 */
export function hkdfExtract(provider: CryptoProvider, salt: Uint8Array, ikm: Uint8Array): Steps<Uint8Array> {
  return hmacSha256(provider, salt, ikm);
}

/** The first 32 bytes of HKDF-Expand over SHA-256 (RFC 5869 §2.3): one block. */
export function* hkdfExpand(provider: CryptoProvider, prk: Uint8Array, info: Uint8Array): Steps<Uint8Array> {
  return (yield* hmacSha256(provider, prk, concat(info, ONE))).subarray(0, HASH_BYTES);
}

/** HMAC-SHA-256 (RFC 2104) with a key of at most one block. */
function* hmacSha256(provider: CryptoProvider, key: Uint8Array, data: Uint8Array): Steps<Uint8Array> {
  const padded = new Uint8Array(BLOCK_BYTES);
  padded.set(key);
  const inner = padded.map((byte) => byte ^ 0x36);
  const outer = padded.map((byte) => byte ^ 0x5c);
  return yield* step(provider.sha256(concat(outer, yield* step(provider.sha256(concat(inner, data))))));
}
