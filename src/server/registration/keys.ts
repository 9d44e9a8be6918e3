import { utf8 } from '../../bytes/bytes.js';
import { hmacSha256 } from '../../crypto/hmac.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';

/** Keyed hashes under keys that lie outside the database: who has the database alone can look nothing up in it. */
export interface RegistrationKeys {
  /** Of a normalised verification id. */
  ofVerificationId(normalised: string): Promise<Uint8Array>;
  /** Of an address in what is kept of its owner. */
  ofAddress(address: string): Promise<Uint8Array>;
  /** Of a registration id in the Bloom filter. */
  ofFilter(address: string): Promise<Uint8Array>;
  /** Tells whether stored hashes are under these keys. */
  readonly check: Uint8Array;
}

/**
 * Derives the keys of a registration service.
 *
 * @param secret - 32 bytes
 */
export async function registrationKeys(provider: CryptoProvider, secret: Uint8Array): Promise<RegistrationKeys> {
  const derive = async (name: string) =>
    provider.hkdf('SHA-256', secret, new Uint8Array(), utf8(`sealmq/1 registration ${name}`), 32);
  const [verification, address, filter] = [
    await derive('verification id'),
    await derive('address'),
    await derive('filter'),
  ];
  return {
    ofVerificationId: async (normalised) => run(hmacSha256(provider, verification, utf8(normalised))),
    ofAddress: async (text) => run(hmacSha256(provider, address, utf8(text))),
    ofFilter: async (text) => run(hmacSha256(provider, filter, utf8(text))),
    check: await derive('check'),
  };
}
