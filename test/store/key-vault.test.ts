import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encryptedStore } from '../../src/adapters/store/encrypted-store.js';
import { openKeyVault } from '../../src/adapters/store/key-vault.js';
import { openLevelStore } from '../../src/adapters/store/level-store.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { storeKeyVault } from '../../src/adapters/store/store-key-vault.js';
import { utf8 } from '../../src/bytes/bytes.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import { webcryptoProvider } from '../../src/crypto/webcrypto.js';
import type { Store } from '../../src/ports/store.js';
import { keyVaultContract } from '../../src/testing/key-vault-contract.js';

const provider = nativeProvider();
const tests = { describe, it, deepEqual: (actual: unknown, expected: unknown) => expect(actual).toEqual(expected) };
const parent = await mkdtemp(join(tmpdir(), 'sealmq-vault-'));
const dataKey = provider.randomBytes(32);
const stores = new Map<string, Store>();

afterAll(async () => {
  for (const store of stores.values()) await store.close();
  await rm(parent, { recursive: true, force: true });
});

async function openStore(name: string): Promise<Store> {
  const open = stores.get(name);
  await open?.close();
  const store = await encryptedStore(await openLevelStore(join(parent, name)), dataKey, provider);
  stores.set(name, store);
  return store;
}

keyVaultContract(
  'storeKeyVault',
  { open: async (name) => storeKeyVault(await openStore(name), provider), provider },
  tests,
);

describe('storeKeyVault', () => {
  it('leaves no key on disk in clear', async () => {
    const store = await openStore('disk');
    const vault = storeKeyVault(store, provider);
    const key = await provider.generateKey('Ed25519');
    await vault.put('identity', key);
    await store.close();
    const folder = join(parent, 'disk');
    const everything = Buffer.concat(
      await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name)))),
    );
    const scalar = (await provider.exportPrivateKey(key)).slice(-32);
    expect(everything.includes('key/identity')).toBe(true);
    expect(everything.includes(Buffer.from(scalar))).toBe(false);
    expect(everything.includes('Ed25519')).toBe(false);
  });

  it('refuses what is no key', async () => {
    const store = memoryStore();
    const vault = storeKeyVault(store, provider);
    await vault.put('good', await provider.generateKey('Ed25519'));
    const key = await provider.exportPrivateKey(await provider.generateKey('X25519'));
    const bad: Record<string, [string, Uint8Array]> = {
      'no CBOR': ['STATE_CORRUPT', utf8('nonsense')],
      'no map': ['STATE_CORRUPT', encodeCbor(1)],
      newer: ['STATE_NEWER_SCHEMA', entry({ version: 2, algorithm: 'X25519', key })],
      'another algorithm': ['STATE_CORRUPT', entry({ version: 1, algorithm: 'Ed448', key })],
      'no algorithm': ['STATE_CORRUPT', entry({ version: 1, key })],
      'no key': ['STATE_CORRUPT', entry({ version: 1, algorithm: 'X25519' })],
      'a key for something else': ['STATE_CORRUPT', entry({ version: 1, algorithm: 'Ed25519', key })],
      'half a key': ['STATE_CORRUPT', entry({ version: 1, algorithm: 'X25519', key: key.slice(0, 20) })],
    };
    for (const [name, [code, value]] of Object.entries(bad)) {
      await store.batch([{ type: 'put', key: `key/${name}`, value }]);
      await expect(vault.get(name), name).rejects.toMatchObject({ code });
    }
    expect((await vault.get('good'))?.algorithm).toBe('Ed25519');
  });

  it('is the vault of a folder, whatever the backend', async () => {
    const store = memoryStore();
    for (const backend of [provider, webcryptoProvider(), nobleProvider()]) {
      const vault = openKeyVault('folder', store, backend);
      expect(vault.extractable).toBe(true);
      await vault.put(backend.name, await backend.generateKey('Ed25519'));
      expect((await vault.get(backend.name))?.algorithm).toBe('Ed25519');
      expect(await store.get(`key/${backend.name}`)).toBeDefined();
    }
  });

  it('passes on that a key cannot be exported', async () => {
    const vault = storeKeyVault(memoryStore(), provider);
    const key = await provider.generateKey('Ed25519', false);
    await expect(vault.put('a', key)).rejects.toMatchObject({ code: 'USAGE_KEY_NOT_EXTRACTABLE' });
    expect(await vault.get('a')).toBeUndefined();
  });

  function entry(fields: Record<string, number | string | Uint8Array>): Uint8Array {
    return encodeCbor(new Map(Object.entries(fields)));
  }
});
