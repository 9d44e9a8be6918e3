import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, describe, expect, it } from 'vitest';
import { encryptedStore } from '../../src/adapters/store/encrypted-store.js';
import { openLevelStore } from '../../src/adapters/store/level-store.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import type { StoreOperation } from '../../src/ports/store.js';
import { storeContract } from '../../src/testing/store-contract.js';

const provider = nativeProvider();

const tests = { describe, it, deepEqual: (actual: unknown, expected: unknown) => expect(actual).toEqual(expected) };
const parent = await mkdtemp(join(tmpdir(), 'sealmq-contract-'));
afterAll(() => rm(parent, { recursive: true, force: true }));
const dataKey = new Uint8Array(randomBytes(32));

/** A backend that answers with promises, the longer texts later. */
const slowProvider: CryptoProvider = {
  ...provider,
  async hkdf(hash, ikm, salt, info, length) {
    return provider.hkdf(hash, ikm, salt, info, length);
  },
  async aesGcmEncrypt(key, iv, aad, plaintext) {
    if (plaintext.length > 1000) await new Promise((resolve) => setTimeout(resolve, 5));
    return provider.aesGcmEncrypt(key, iv, aad, plaintext);
  },
  async aesGcmDecrypt(key, iv, aad, ciphertext) {
    return provider.aesGcmDecrypt(key, iv, aad, ciphertext);
  },
};

storeContract('memoryStore', { open: async () => memoryStore(), durable: false }, tests);

storeContract('openLevelStore', { open: (name) => openLevelStore(join(parent, 'plain', name)), durable: true }, tests);

storeContract(
  'encryptedStore over memory',
  { open: () => encryptedStore(memoryStore(), dataKey, provider), durable: false },
  tests,
);

storeContract(
  'encryptedStore over level',
  {
    open: async (name) => encryptedStore(await openLevelStore(join(parent, 'encrypted', name)), dataKey, provider),
    durable: true,
  },
  tests,
);

storeContract(
  'encryptedStore with an asynchronous backend',
  {
    open: async (name) => encryptedStore(await openLevelStore(join(parent, 'slow', name)), dataKey, slowProvider),
    durable: true,
  },
  tests,
);

describe('a closed store', () => {
  for (const [name, open] of Object.entries({
    memory: async () => memoryStore(),
    level: () => openLevelStore(join(parent, 'closed-level')),
    encrypted: async () => encryptedStore(await openLevelStore(join(parent, 'closed-encrypted')), dataKey, provider),
  })) {
    it(`has what was under way, then says USAGE_CLOSED: ${name}`, async () => {
      const store = await open();
      const underWay = [1, 2, 3].map((i) => store.batch([{ type: 'put', key: 'a', value: Uint8Array.of(i) }]));
      await store.close();
      await Promise.all(underWay);
      const closed = { code: 'USAGE_CLOSED' };
      await expect(store.get('a')).rejects.toMatchObject(closed);
      await expect(store.batch([{ type: 'del', key: 'a' }])).rejects.toMatchObject(closed);
      await expect(store.iterator({})[Symbol.asyncIterator]().next()).rejects.toMatchObject(closed);
    });
  }
});

describe('a batch that cannot be written', () => {
  it('takes no other one with it', async () => {
    const store = await openLevelStore(join(parent, 'unwritable'));
    const put = (key: string, value?: Uint8Array) => store.batch([{ type: 'put', key, value } as StoreOperation]);
    const outcomes = await Promise.allSettled([put('a', Uint8Array.of(1)), put('b'), put('c', Uint8Array.of(3))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([await store.get('a'), await store.get('c')]).toEqual([Uint8Array.of(1), Uint8Array.of(3)]);
    await store.close();
  });
});

describe('memoryStore', () => {
  it('says that it is volatile; what lies on a disk does not', async () => {
    expect(memoryStore().volatile).toBe(true);
    expect((await encryptedStore(memoryStore(), dataKey, provider)).volatile).toBeUndefined();
    const store = await openLevelStore(join(parent, 'lasting'));
    expect(store.volatile).toBeUndefined();
    await store.close();
  });
});

storeContract(
  "encryptedStore over level's own database",
  {
    open: (name) => {
      const location = join(parent, 'own', name);
      const level = new Level<string, Uint8Array>(location, { keyEncoding: 'utf8', valueEncoding: 'view' });
      return encryptedStore(level, dataKey, provider);
    },
    durable: true,
  },
  tests,
);
