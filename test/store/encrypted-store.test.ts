import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encryptedStore } from '../../src/adapters/store/encrypted-store.js';
import { insistentStore } from '../../src/adapters/store/insistent-store.js';
import { openLevelStore } from '../../src/adapters/store/level-store.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { valueCipher } from '../../src/adapters/store/value-cipher.js';
import { toHex, utf8 } from '../../src/bytes/bytes.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import type { Allocate } from '../../src/bytes/memory.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { Store } from '../../src/ports/store.js';
import { temporaryFolder } from './temporary-folder.js';

const provider = nativeProvider();

const dataKey = new Uint8Array(randomBytes(32));

/** A store that outlives its encrypted wrapper: closing does nothing. */
function lasting(store: Store): Store {
  return { ...store, close: async () => {} };
}

async function put(store: Store, key: string, value: Uint8Array): Promise<void> {
  await store.batch([{ type: 'put', key, value }]);
}

async function rawEntries(store: Store): Promise<[string, Uint8Array][]> {
  const entries: [string, Uint8Array][] = [];
  for await (const entry of store.iterator({})) entries.push(entry);
  return entries;
}

async function rawValue(store: Store, key: string): Promise<Uint8Array> {
  const value = await store.get(key);
  expect(value).toBeDefined();
  return value as Uint8Array;
}

describe('values on disk', () => {
  it('hold no plaintext; keys are in clear', async () => {
    const folder = await temporaryFolder();
    const plaintext = utf8('the-quick-brown-fox-jumps');
    for (let opening = 0; opening < 3; opening++) {
      const store = await encryptedStore(await openLevelStore(folder), dataKey, provider);
      for (let i = 0; i < 50; i++) await put(store, `inbox/${opening}/${i}`, plaintext);
      await store.close();
    }
    const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
    const everything = Buffer.concat(files);
    expect(everything.includes('inbox/2/49')).toBe(true);
    expect(everything.includes('quick-brown')).toBe(false);
    expect(everything.includes(Buffer.from(dataKey))).toBe(false);
  });

  it('are version, salt, counter, ciphertext and tag: 39 bytes more than the value', async () => {
    const inner = memoryStore();
    const store = await encryptedStore(inner, dataKey, provider);
    await put(store, 'a', new Uint8Array(10));
    await put(store, 'b', new Uint8Array(0));
    const [a, b] = [await rawValue(inner, 'a'), await rawValue(inner, 'b')];
    expect([a.length, b.length]).toEqual([49, 39]);
    expect(a[0]).toBe(1);
    expect(toHex(a.subarray(1, 17))).toBe(toHex(b.subarray(1, 17)));
    // Counter 0 went to the schema version.
    expect([toHex(a.subarray(17, 23)), toHex(b.subarray(17, 23))]).toEqual(['000000000001', '000000000002']);
  });

  it('open from their description alone', async () => {
    const inner = memoryStore();
    await put(await encryptedStore(inner, dataKey, provider), 'peer/zoë', utf8('hello'));
    const raw = await rawValue(inner, 'peer/zoë');
    const subkey = await provider.hkdf('SHA-256', dataKey, raw.slice(1, 17), utf8('sealmq/1 store'), 32);
    const nonce = new Uint8Array(12);
    nonce.set(raw.subarray(17, 23), 6);
    expect(await provider.aesGcmDecrypt(subkey, nonce, utf8('peer/zoë'), raw.slice(23))).toEqual(utf8('hello'));
  });
});

describe('nonces', () => {
  it('never repeat, across openings, concurrent batches and overwritten values', async () => {
    const inner = memoryStore();
    const nonces: string[] = [];
    const recording: Store = {
      ...lasting(inner),
      async batch(operations, options) {
        for (const each of operations) if (each.type === 'put') nonces.push(toHex(each.value.subarray(1, 23)));
        return inner.batch(operations, options);
      },
    };
    for (let opening = 0; opening < 20; opening++) {
      const store = await encryptedStore(recording, dataKey, provider);
      const writes = [...Array(50).keys()].map((i) =>
        store.batch([
          { type: 'put', key: 'same', value: Uint8Array.of(i) },
          { type: 'put', key: `own/${i}`, value: Uint8Array.of(i) },
        ]),
      );
      await Promise.all(writes);
      for (let i = 0; i < 10; i++) await store.batch([{ type: 'put', key: 'same', value: Uint8Array.of(i) }]);
      await store.close();
    }
    // Of what is written as one group only the last value of a key is encrypted.
    expect(nonces.length).toBeGreaterThanOrEqual(20 * (50 + 10) + 1);
    expect(new Set(nonces).size).toBe(nonces.length);
    expect(new Set(nonces.map((nonce) => nonce.slice(0, 32))).size).toBe(20);
  });

  it('keep values of more openings readable than subkeys are kept', async () => {
    const inner = memoryStore();
    for (let opening = 0; opening < 1100; opening++) {
      const cipher = await valueCipher(dataKey, provider);
      await put(inner, `k/${opening}`, await cipher.seal(`k/${opening}`, utf8(`${opening}`)));
    }
    const cipher = await valueCipher(dataKey, provider);
    for (let pass = 0; pass < 2; pass++) {
      for (let opening = 0; opening < 1100; opening++) {
        const opened = await cipher.open(`k/${opening}`, await rawValue(inner, `k/${opening}`));
        expect(new TextDecoder().decode(opened)).toBe(`${opening}`);
      }
    }
  });
});

describe('tampering', () => {
  it('shows when a value is moved to another key', async () => {
    const inner = memoryStore();
    const store = await encryptedStore(inner, dataKey, provider);
    await put(store, 'contact/alice', utf8('alice'));
    await put(store, 'contact/mallory', utf8('mallory'));
    await put(inner, 'contact/alice', await rawValue(inner, 'contact/mallory'));
    await expect(store.get('contact/alice')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    await expect(rawEntries(store)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(await store.get('contact/mallory')).toEqual(utf8('mallory'));
  });

  it('shows in every single byte, and in every shorter length', async () => {
    const inner = memoryStore();
    const store = await encryptedStore(inner, dataKey, provider);
    await put(store, 'a', utf8('hello'));
    const raw = await rawValue(inner, 'a');
    for (let i = 0; i < raw.length; i++) {
      const altered = raw.slice();
      altered[i] = (raw[i] as number) ^ 0x80;
      for (const bad of [altered, raw.slice(0, i)]) {
        await put(inner, 'a', bad);
        await expect(store.get('a')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
      }
    }
  });
});

describe('opening', () => {
  it('with another data key fails, and wipes nothing', async () => {
    const inner = lasting(memoryStore());
    await put(await encryptedStore(inner, dataKey, provider), 'a', utf8('hello'));
    const before = await rawEntries(inner);
    const other = new Uint8Array(randomBytes(32));
    await expect(encryptedStore(inner, other, provider)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(await rawEntries(inner)).toEqual(before);
    expect(await (await encryptedStore(inner, dataKey, provider)).get('a')).toEqual(utf8('hello'));
  });

  it('a store of a newer release, or of an impossible version, fails', async () => {
    const versions = { STATE_NEWER_SCHEMA: 3, STATE_CORRUPT: 0 };
    for (const [code, version] of Object.entries(versions)) {
      const inner = memoryStore();
      const cipher = await valueCipher(dataKey, provider);
      await put(inner, 'meta/schema', await cipher.seal('meta/schema', encodeCbor(version)));
      await expect(encryptedStore(inner, dataKey, provider)).rejects.toMatchObject({ code });
    }
  });

  it('a store with entries but no schema version fails', async () => {
    const inner = memoryStore();
    await put(inner, 'somebody/else', utf8('in clear'));
    await expect(encryptedStore(inner, dataKey, provider)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(await rawEntries(inner)).toEqual([['somebody/else', utf8('in clear')]]);
  });

  it('takes a key of 32 bytes only', async () => {
    const short = encryptedStore(memoryStore(), new Uint8Array(16), provider);
    await expect(short).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  });

  it('keeps a copy of the data key', async () => {
    const inner = lasting(memoryStore());
    // Two openings: the salt of the first gets known when the schema version is read.
    await encryptedStore(inner, dataKey, provider);
    await put(await encryptedStore(inner, dataKey, provider), 'a', utf8('old salt'));
    const passing = dataKey.slice();
    const store = await encryptedStore(inner, passing, provider);
    passing.fill(0);
    expect(await store.get('a')).toEqual(utf8('old salt'));
  });
});

/** As a caller of ours may have it: what it is given, it keeps. */
function keepingStore(): Store & { readonly values: Map<string, Uint8Array> } {
  const values = new Map<string, Uint8Array>();
  return {
    values,
    get: async (key) => values.get(key),
    async batch(operations) {
      for (const each of operations) {
        if (each.type === 'put') values.set(each.key, each.value);
        else values.delete(each.key);
      }
    },
    async *iterator() {
      yield* values;
    },
    close: async () => {},
  };
}

describe('memory that is used again', () => {
  const large = (fill: number) => new Uint8Array(20_000).fill(fill);
  const putAll = async (store: Store) => {
    for (let i = 0; i < 20; i++) await put(store, `x/${i}`, large(i));
    for (let i = 0; i < 20; i++) expect(await store.get(`x/${i}`)).toEqual(large(i));
  };

  it('is not that of a store which keeps what it is given', async () => {
    const kept = keepingStore();
    await putAll(await encryptedStore(kept, dataKey, provider));
    expect(new Set([...kept.values.values()].map(({ buffer }) => buffer)).size).toBe(kept.values.size);
    for (const { buffer, length } of kept.values.values()) expect(buffer.byteLength).toBe(length);
  });

  it('is that of a store which copies', async () => {
    const memory = memoryStore();
    const buffers = new Set<unknown>();
    const copying: Store = {
      ...memory,
      batch(operations, options) {
        for (const each of operations)
          if (each.type === 'put' && each.value.length > 1000) buffers.add(each.value.buffer);
        return memory.batch(operations, options);
      },
    };
    await putAll(await encryptedStore(copying, dataKey, provider));
    expect(buffers.size).toBe(1);
  });

  it('is that of what an insistent store makes, unless somebody keeps it', async () => {
    for (const [inner, expected] of [
      [keepingStore(), 20],
      [memoryStore(), 1],
    ] as const) {
      const store = insistentStore(inner, () => {});
      const buffers = new Set<unknown>();
      for (let i = 0; i < 20; i++) {
        const make = (allocate: Allocate) => {
          const value = allocate(20_000).fill(i);
          buffers.add(value.buffer);
          return value;
        };
        await store.batch([{ type: 'make', key: `x/${i}`, size: 20_000, make }]);
      }
      for (let i = 0; i < 20; i++) expect(await store.get(`x/${i}`)).toEqual(large(i));
      expect(buffers.size).toBe(expected);
    }
  });
});
