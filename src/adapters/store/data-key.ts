import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import { fileDataKey } from './data-key-file.js';
import { indexedDbDataKey } from './indexed-db-data-key.js';
import { nodeBuiltin } from './node-builtin.js';

/**
 * The data key of the state at `location`, drawn by the first opening: {@link fileDataKey} in Node,
 * {@link indexedDbDataKey} in browsers. Call it before the store is opened.
 *
 * @param passphrase - folders only
 * @returns 32 bytes
 * @throws what those throw; `USAGE_INVALID_ARGUMENT` for a passphrase in a browser
 */
export async function openDataKey(
  location: string,
  provider: CryptoProvider,
  passphrase?: string,
): Promise<Uint8Array> {
  if (nodeBuiltin('fs/promises') !== undefined) return fileDataKey(location, provider, passphrase);
  if (passphrase === undefined) return indexedDbDataKey(location);
  throw new SealMQError(
    'USAGE_INVALID_ARGUMENT',
    'a passphrase protects a folder; browsers keep the data key themselves',
  );
}
