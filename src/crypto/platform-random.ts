import { unavailable } from './backend.js';
import { randomPool } from './random-pool.js';

/** The most that one call of getRandomValues fills. */
const QUOTA_BYTES = 65_536;

/**
 * `size` bytes from `crypto.getRandomValues`, which every browser has, on insecure pages too.
 *
 * @throws {@link SealMQError} `USAGE_SUITE_UNAVAILABLE` where it is missing (React Native needs a polyfill)
 */
export const platformRandom: (size: number) => Uint8Array = randomPool((bytes) => {
  const platform = globalThis.crypto;
  if (typeof platform?.getRandomValues !== 'function') throw unavailable('crypto.getRandomValues');
  for (let offset = 0; offset < bytes.length; offset += QUOTA_BYTES) {
    platform.getRandomValues(bytes.subarray(offset, offset + QUOTA_BYTES) as Uint8Array<ArrayBuffer>);
  }
});
