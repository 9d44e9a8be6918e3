import { encodePublicKey, type PublicKey } from './key.js';

/**
 * COSE Key Thumbprint (RFC 9679 §3): the hash of the required parameters in deterministic encoding.
 *
 * @param sha256 - the hash, handed in so that this layer needs no backend; whatever it answers is returned
 */
export function thumbprint<T>(key: PublicKey, sha256: (data: Uint8Array) => T): T {
  return sha256(encodePublicKey(key));
}
