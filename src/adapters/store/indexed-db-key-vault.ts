import type { PublicKey } from '../../cose/key.js';
import type { KeyAlgorithm } from '../../crypto/provider.js';
import { privateKeyFromCryptoKey, privateKeyToCryptoKey } from '../../crypto/webcrypto.js';
import { SealMQError } from '../../errors.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { inKeyDatabase } from './indexed-db.js';

/** What lies in IndexedDB for a key: a structured clone, in which the CryptoKey stays as non-extractable as it is. */
interface StoredKey {
  readonly algorithm: KeyAlgorithm;
  readonly publicKey: PublicKey;
  readonly cryptoKey: CryptoKey;
}

/**
 * A key vault of non-extractable CryptoKeys in an IndexedDB database of its own, for the `webcrypto` backend: a script that
 * gets into the page can use the keys while it is there, but cannot take them along.
 *
 * `put` throws `USAGE_INVALID_ARGUMENT` for a key that is not a CryptoKey of that backend; every method throws
 * `STATE_UNAVAILABLE` when IndexedDB fails.
 *
 * @param name - name of the state
 */
export function indexedDbKeyVault(name: string): KeyVault {
  return {
    extractable: false,
    async get(keyName) {
      const stored = await inKeyDatabase<StoredKey | undefined>(name, 'private-keys', 'readonly', (keys) =>
        keys.get(keyName),
      );
      return stored && fromStored(stored);
    },
    async put(keyName, key) {
      const cryptoKey = privateKeyToCryptoKey(key);
      if (cryptoKey === undefined) {
        throw new SealMQError('USAGE_INVALID_ARGUMENT', `this ${key.algorithm} key is not the platform's`);
      }
      const stored: StoredKey = { algorithm: key.algorithm, publicKey: key.publicKey, cryptoKey };
      await inKeyDatabase(name, 'private-keys', 'readwrite', (keys) => keys.put(stored, keyName));
    },
    async delete(keyName) {
      await inKeyDatabase(name, 'private-keys', 'readwrite', (keys) => keys.delete(keyName));
    },
  };
}

function fromStored({ algorithm, publicKey, cryptoKey }: StoredKey) {
  try {
    return privateKeyFromCryptoKey(algorithm, publicKey, cryptoKey);
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', 'a stored key is not what it says', cause);
  }
}
