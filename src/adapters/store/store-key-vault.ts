import { encodeCbor } from '../../bytes/cbor.js';
import type { CryptoProvider, KeyAlgorithm, PrivateKey } from '../../crypto/provider.js';
import { keyManagementAlgorithms, signatureAlgorithms } from '../../crypto/suites.js';
import { SealMQError } from '../../errors.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Store } from '../../ports/store.js';
import { bytesField, decodeVersioned } from './versioned-map.js';

const VERSION = 1;
const algorithms = new Set<unknown>([...signatureAlgorithms, ...keyManagementAlgorithms].map(({ name }) => name));

/**
 * A key vault inside a store, for Node and for browsers without `crypto.subtle`. Under `key/<name>` lies deterministic
 * CBOR `{version: 1, algorithm, key}`, the key as a COSE_Key with its secret parameters.
 *
 * @param store - an encrypted one: the keys are protected by nothing else
 */
export function storeKeyVault(store: Store, provider: CryptoProvider): KeyVault {
  return {
    extractable: true,
    async get(name) {
      const stored = await store.get(entryOf(name));
      return stored && decodeKey(stored, provider);
    },
    async put(name, key) {
      const entry = new Map<string, number | string | Uint8Array>([
        ['version', VERSION],
        ['algorithm', key.algorithm],
        ['key', await provider.exportPrivateKey(key)],
      ]);
      await store.batch([{ type: 'put', key: entryOf(name), value: encodeCbor(entry) }], { sync: true });
    },
    async delete(name) {
      await store.batch([{ type: 'del', key: entryOf(name) }], { sync: true });
    },
  };
}

function entryOf(name: string): string {
  return `key/${name}`;
}

async function decodeKey(stored: Uint8Array, provider: CryptoProvider): Promise<PrivateKey> {
  const map = decodeVersioned(stored, VERSION);
  const algorithm = map.get('algorithm');
  if (!isAlgorithm(algorithm)) throw new SealMQError('STATE_CORRUPT', 'a stored key is of no known algorithm');
  try {
    return await provider.importPrivateKey(algorithm, bytesField(map, 'key'));
  } catch (cause) {
    if (cause instanceof SealMQError && !cause.code.startsWith('DECODE_')) throw cause;
    throw new SealMQError('STATE_CORRUPT', `a stored ${algorithm} key cannot be imported`, cause);
  }
}

function isAlgorithm(name: unknown): name is KeyAlgorithm {
  return algorithms.has(name);
}
