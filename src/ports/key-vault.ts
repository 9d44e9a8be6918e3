import type { PrivateKey } from '../crypto/provider.js';

/**
 * Where private keys lie. In Node they are values of the encrypted store; in browsers non-extractable CryptoKeys in an
 * IndexedDB object store of their own. A key is known by a name that the messenger chooses.
 */
export interface KeyVault {
  /** Whether the vault wants keys that can be exported; where false, keys are generated non-extractable. */
  readonly extractable: boolean;

  /** The key, or `undefined` when there is none of that name. @throws `STATE_CORRUPT` */
  get(name: string): Promise<PrivateKey | undefined>;

  /** Keeps `key` durably under `name`, replacing any other. */
  put(name: string, key: PrivateKey): Promise<void>;

  /** Forgets a key; nothing happens when there is none. */
  delete(name: string): Promise<void>;
}
