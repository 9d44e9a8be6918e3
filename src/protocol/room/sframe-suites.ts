import type { HashName } from '../../crypto/provider.js';

/** One of the AES-GCM cipher suites of SFrame (RFC 9605 §4.5). */
export interface SFrameSuite {
  readonly name: 'AES_128_GCM_SHA256_128' | 'AES_256_GCM_SHA512_128';
  /** The registered identifier (RFC 9605 §8.1). */
  readonly id: number;
  readonly hash: HashName;
  /** `Nh`, `Nk`, `Nn`, `Nt`: bytes of a hash, a key, a nonce, a tag. */
  readonly hashBytes: number;
  readonly keyBytes: number;
  readonly nonceBytes: number;
  readonly tagBytes: number;
}

const GCM = { nonceBytes: 12, tagBytes: 16 };

/** The suites by name. Those with AES-CTR and HMAC are left out: their short tags are for audio alone. */
export const sframeSuites: readonly SFrameSuite[] = [
  { name: 'AES_128_GCM_SHA256_128', id: 4, hash: 'SHA-256', hashBytes: 32, keyBytes: 16, ...GCM },
  { name: 'AES_256_GCM_SHA512_128', id: 5, hash: 'SHA-512', hashBytes: 64, keyBytes: 32, ...GCM },
];

/** The suite of rooms. */
export const ROOM_SUITE = sframeSuites[1] as SFrameSuite;
