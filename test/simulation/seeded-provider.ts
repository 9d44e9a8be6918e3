import { createHash } from 'node:crypto';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';

/** The native backend with `randomBytes` out of a seed, so that ids, and with them the order of things, repeat. */
export function seededProvider(seed: number): CryptoProvider {
  const native = nativeProvider();
  let count = 0;
  const block = () => createHash('sha256').update(`${seed} ${count++}`).digest();
  return {
    ...native,
    randomBytes(size) {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 32) bytes.set(block().subarray(0, Math.min(32, size - at)), at);
      return bytes;
    },
  };
}
