import { type AccountMarker, accountMarker } from '../adapters/store/account-marker.js';
import { openDataKey } from '../adapters/store/data-key.js';
import { encryptedStore } from '../adapters/store/encrypted-store.js';
import { openKeyVault } from '../adapters/store/key-vault.js';
import { openLevelStore } from '../adapters/store/level-store.js';
import { defaultLocation } from '../adapters/store/location.js';
import { storeKeyVault } from '../adapters/store/store-key-vault.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { SealMQError } from '../errors.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { Store } from '../ports/store.js';

/** Where the state lies, and what protects it at rest. */
export interface StateOptions {
  readonly address: string;
  /** A folder (Node), a database name (browsers), or a store of your own; default: see {@link defaultLocation}. */
  readonly store?: string | Store;
  /** Protects the data key of a folder. */
  readonly passphrase?: string;
  /** 32 bytes: encrypts the values of a store of your own that outlives the process. */
  readonly dataKey?: Uint8Array;
}

/** The opened state of one messenger: values encrypted at rest, private keys in their vault. */
export interface State {
  readonly store: Store;
  readonly vault: KeyVault;
  /** Of a folder, or of a browser's database; a store of one's own has to know by itself what it has lost. */
  readonly marker?: AccountMarker;
}

/**
 * Opens the state.
 *
 * @throws `STATE_LOCKED`, `STATE_CORRUPT`, `STATE_WRONG_PASSPHRASE`, `STATE_NEWER_SCHEMA`, `STATE_UNAVAILABLE`;
 *   `USAGE_INVALID_ARGUMENT` for a persistent store of one's own without `dataKey`
 */
export async function openState(options: StateOptions, provider: CryptoProvider): Promise<State> {
  const { address, store: given = defaultLocation(address), passphrase, dataKey } = options;
  if (typeof given !== 'string') {
    const store = await protectedStore(given, dataKey, provider);
    return { store, vault: storeKeyVault(store, provider) };
  }
  const key = await openDataKey(given, provider, passphrase);
  const raw = await openLevelStore(given);
  try {
    const store = await encryptedStore(raw, key, provider);
    return { store, vault: openKeyVault(given, store, provider), marker: accountMarker(given) };
  } catch (error) {
    await raw.close();
    throw error;
  }
}

/** A store of the application's own: encrypted under its data key, unless nothing in it outlives the process. */
async function protectedStore(store: Store, dataKey: Uint8Array | undefined, provider: CryptoProvider): Promise<Store> {
  if (dataKey) return encryptedStore(store, dataKey, provider);
  if (store.volatile) return store;
  throw new SealMQError(
    'USAGE_INVALID_ARGUMENT',
    'a store of your own needs a dataKey of 32 bytes: values are encrypted at rest',
  );
}
