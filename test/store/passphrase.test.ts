import { scryptSync } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { unwrapWithPassphrase, wrapWithPassphrase } from '../../src/adapters/store/passphrase.js';
import { utf8 } from '../../src/bytes/bytes.js';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { nativeProvider } from '../../src/crypto/native.js';

const provider = nativeProvider();

const secret = utf8('thirty-two bytes of secret, or so');
const wrap = (passphrase: string) => wrapWithPassphrase(provider, secret, passphrase, 'test');
const unwrap = (wrapped: Uint8Array, passphrase: string, purpose = 'test') =>
  unwrapWithPassphrase(provider, wrapped, passphrase, purpose);
const wrapped = await wrap('correct horse');
const fields = decodeCbor(wrapped) as ReadonlyMap<string, CborValue>;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('wrapping', () => {
  it('opens with passphrase and purpose', async () => {
    expect(await unwrap(wrapped, 'correct horse')).toEqual(secret);
    const wrong = { code: 'STATE_WRONG_PASSPHRASE' };
    await expect(unwrap(wrapped, 'correct horse ')).rejects.toMatchObject(wrong);
    await expect(unwrap(wrapped, 'correct horse', 'another purpose')).rejects.toMatchObject(wrong);
  });

  it('is fresh each time', async () => {
    const again = decodeCbor(await wrap('correct horse')) as typeof fields;
    for (const name of ['salt', 'iv', 'ciphertext']) expect(again.get(name)).not.toEqual(fields.get(name));
  });

  it('opens from its description alone', async () => {
    expect([...fields.keys()].sort()).toEqual(['ciphertext', 'iv', 'logN', 'p', 'r', 'salt', 'version']);
    expect(['version', 'logN', 'r', 'p'].map((name) => fields.get(name))).toEqual([1, 17, 8, 1]);
    const [salt, iv, ciphertext] = ['salt', 'iv', 'ciphertext'].map((name) => fields.get(name) as Uint8Array);
    const costs = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 };
    const key = new Uint8Array(scryptSync('correct horse', salt as Uint8Array, 32, costs));
    const opened = await provider.aesGcmDecrypt(key, iv as Uint8Array, utf8('test'), ciphertext as Uint8Array);
    expect(opened).toEqual(secret);
  });

  it('takes a passphrase for the same however its accents were typed', async () => {
    const composed = await wrap('Zo\u00eb');
    expect(await unwrap(composed, 'Zoe\u0308')).toEqual(secret);
  });

  it('opens where Node is not: scrypt in JavaScript agrees', async () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
    expect(await unwrap(wrapped, 'correct horse')).toEqual(secret);
    const inBrowser = await wrap('correct horse');
    vi.restoreAllMocks();
    expect(await unwrap(inBrowser, 'correct horse')).toEqual(secret);
  });
});

describe('a forged container', () => {
  const altered: Record<string, [string, Record<string, CborValue>]> = {
    'asks for a gigabyte': ['STATE_CORRUPT', { logN: 20 }],
    'asks for the impossible': ['STATE_CORRUPT', { logN: 2 ** 40 }],
    'has huge blocks': ['STATE_CORRUPT', { r: 1024 }],
    'asks for many passes': ['STATE_CORRUPT', { p: 5 }],
    'has a negative cost': ['STATE_CORRUPT', { logN: -1 }],
    'has no cost': ['STATE_CORRUPT', { p: 0 }],
    'has a cost that is no number': ['STATE_CORRUPT', { r: '8' }],
    'has a short salt': ['STATE_CORRUPT', { salt: new Uint8Array(4) }],
    'has a short nonce': ['STATE_CORRUPT', { iv: new Uint8Array(8) }],
    'has no ciphertext': ['STATE_CORRUPT', { ciphertext: null }],
    'is newer': ['STATE_NEWER_SCHEMA', { version: 2 }],
    'has other bytes': ['STATE_WRONG_PASSPHRASE', { ciphertext: new Uint8Array(48) }],
    'has no bytes': ['STATE_WRONG_PASSPHRASE', { ciphertext: new Uint8Array(0) }],
    'has cheaper costs': ['STATE_WRONG_PASSPHRASE', { logN: 10 }],
  };
  for (const [name, [code, change]] of Object.entries(altered)) {
    it(`that ${name} is refused`, async () => {
      const forged = encodeCbor(new Map([...fields, ...Object.entries(change)]));
      await expect(unwrap(forged, 'correct horse')).rejects.toMatchObject({ code });
    });
  }

  it('of no CBOR is refused', async () => {
    await expect(unwrap(utf8('nonsense'), 'correct horse')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    await expect(unwrap(encodeCbor([1]), 'correct horse')).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  });
});
