import { fileDataKey } from '../adapters/store/data-key-file.js';
import { encryptedStore } from '../adapters/store/encrypted-store.js';
import { openLevelStore } from '../adapters/store/level-store.js';
import { memoryStore } from '../adapters/store/memory-store.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { Store } from '../ports/store.js';

/**
 * The database in `folder`, encrypted under the data key beside it; without a folder, one in memory.
 *
 * @throws `STATE_*`
 */
export async function openDataFolder(folder: string | undefined, provider: CryptoProvider): Promise<Store> {
  if (folder === undefined) return memoryStore();
  const dataKey = await fileDataKey(folder, provider);
  const level = await openLevelStore(folder);
  try {
    return await encryptedStore(level, dataKey, provider);
  } catch (error) {
    await level.close();
    throw error;
  }
}
