import { concat } from '../bytes/bytes.js';
import type { CryptoProvider } from './provider.js';
import { type Steps, step } from './steps.js';

/** Of SHA-256, in bytes. */
const BLOCK = 64;

/**
 * HMAC-SHA-256 (RFC 2104) over a backend's SHA-256: 32 bytes.
 *
 * @param key - at most 64 bytes
 */
export function* hmacSha256(provider: CryptoProvider, key: Uint8Array, data: Uint8Array): Steps<Uint8Array> {
  const inner = yield* step(provider.sha256(concat(padded(key, 0x36), data)));
  return yield* step(provider.sha256(concat(padded(key, 0x5c), inner)));
}

function padded(key: Uint8Array, filler: number): Uint8Array {
  const block = new Uint8Array(BLOCK).fill(filler);
  for (const [i, byte] of key.entries()) block[i] = byte ^ filler;
  return block;
}
