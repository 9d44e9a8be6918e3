import type { CryptoProvider } from '../../crypto/provider.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Store } from '../../ports/store.js';
import { indexedDbKeyVault } from './indexed-db-key-vault.js';
import { nodeBuiltin } from './node-builtin.js';
import { storeKeyVault } from './store-key-vault.js';

/**
 * The key vault of the state at `location`: {@link indexedDbKeyVault} where the backend's keys are CryptoKeys and the
 * runtime is a browser, else {@link storeKeyVault}. (Keys of the `noble` backend are plain bytes wherever it runs: they are
 * values of the store, encrypted under the data key.)
 *
 * @param store - the encrypted one of that state
 */
export function openKeyVault(location: string, store: Store, provider: CryptoProvider): KeyVault {
  const hasCryptoKeys = provider.name === 'webcrypto' && nodeBuiltin('fs/promises') === undefined;
  return hasCryptoKeys ? indexedDbKeyVault(location) : storeKeyVault(store, provider);
}
