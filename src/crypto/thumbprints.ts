import type { PublicKey } from '../cose/key.js';
import { thumbprint } from '../cose/thumbprint.js';
import type { CryptoProvider } from './provider.js';
import { type Steps, settled, step } from './steps.js';

const known = new WeakMap<PublicKey, Uint8Array>();

/** RFC 9679 thumbprint (SHA-256, 32 bytes) of `key`, computed once per key object. */
export function keyThumbprint(provider: CryptoProvider, key: PublicKey): Steps<Uint8Array> {
  const cached = known.get(key);
  return cached ? settled(cached) : computed(provider, key);
}

function* computed(provider: CryptoProvider, key: PublicKey): Steps<Uint8Array> {
  const fresh = yield* step(thumbprint(key, (data) => provider.sha256(data)));
  known.set(key, fresh);
  return fresh;
}
