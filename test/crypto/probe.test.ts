import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import { selfTest } from '../../src/crypto/self-test.js';
import { backends, flip } from './backends.js';

/** Leaves the process as it is but for the way to Node's modules; the test runner needs the rest. */
function withBuiltinModule(getBuiltinModule: unknown): void {
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: getBuiltinModule } }));
}

describe('the self-test', () => {
  test.each(backends)('passes on $label', async ({ provider }) => {
    expect(await selfTest(provider)).toEqual([]);
  });

  const native = nativeProvider();
  const sound = native as { readonly [Name in keyof CryptoProvider]: CryptoProvider[Name] };
  const faults: readonly [fault: string, faulty: Partial<CryptoProvider>, failed: string][] = [
    ['randomness that repeats', { randomBytes: (size) => new Uint8Array(size) }, 'random bytes'],
    ['a wrong hash', { sha256: () => new Uint8Array(32) }, 'SHA-256'],
    ['a shortened hash', { sha512: (data) => sound.sha256(data) }, 'SHA-512'],
    ['HKDF without info', { hkdf: (hash, ikm, salt, _, n) => sound.hkdf(hash, ikm, salt, salt, n) }, 'HKDF-SHA-256'],
    ['GCM without its AAD', withoutAad(), 'AES-256-GCM'],
    ['GCM that opens anything', { aesGcmDecrypt: (_k, _i, _a, data) => data.slice(16) }, 'AES-256-GCM'],
    ['key wrap that unwraps anything', { aesKwUnwrap: (_, wrapped) => wrapped.slice(8) }, 'AES-256 key wrap'],
    ['a verifier that says yes', { verify: () => true }, 'Ed25519'],
    ['a verifier that says no', { verify: () => false }, 'ESP256'],
    ['signatures of something else', { sign: (key, data) => sound.sign(key, flip(data, 0)) }, 'Ed25519'],
    ['a wrong secret', { agree: () => new Uint8Array(32).fill(1) }, 'X25519'],
    [
      'a zero secret let through',
      { agree: async (...args) => (await sound.agree(...args)) ?? new Uint8Array(32) },
      'X25519, low-order point',
    ],
    ['an import that throws', { importPrivateKey: () => Promise.reject(new RangeError()) }, 'P-256'],
  ];

  test.each(faults)('finds %s', async (_fault, faulty, failed) => {
    expect(await selfTest({ ...native, ...faulty })).toContain(failed);
  });

  test('does not ask for algorithms that a provider denies', async () => {
    const denies: CryptoProvider = {
      ...native,
      supports: (algorithm) => algorithm !== 'Ed25519',
      verify: (algorithm, ...args) => algorithm !== 'Ed25519' && native.verify(algorithm, ...args),
    };
    expect(await selfTest(denies)).toEqual([]);
  });

  function withoutAad(): Partial<CryptoProvider> {
    const none = new Uint8Array(0);
    return {
      aesGcmEncrypt: (key, iv, _aad, plaintext) => sound.aesGcmEncrypt(key, iv, none, plaintext),
      aesGcmDecrypt: (key, iv, _aad, ciphertext) => sound.aesGcmDecrypt(key, iv, none, ciphertext),
    };
  }
});

describe('the default provider', () => {
  beforeEach(() => {
    // What was found is kept for the life of the module.
    vi.resetModules();
  });

  afterEach(() => {
    vi.unstubAllGlobals();
  });

  async function chosen(): Promise<string> {
    const { defaultProvider } = await import('../../src/crypto/probe.js');
    expect(defaultProvider()).toBe(defaultProvider());
    return (await defaultProvider()).name;
  }

  test('is native in Node', async () => {
    expect(await chosen()).toBe('native');
  });

  test('is webcrypto where there are no built-in modules, as in a browser', async () => {
    withBuiltinModule(undefined);
    expect(await chosen()).toBe('webcrypto');
  });

  test("is webcrypto where Node's module lacks something", async () => {
    const module: typeof import('node:crypto') = process.getBuiltinModule('crypto');
    const { getCiphers: _, createCipheriv: __, ...lacking } = module;
    withBuiltinModule(() => lacking);
    expect(await chosen()).toBe('webcrypto');
  });

  test('is noble without crypto.subtle, as on a page over plain http', async () => {
    withBuiltinModule(undefined);
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    expect(await chosen()).toBe('noble');
  });

  test('is none without a source of randomness', async () => {
    withBuiltinModule(undefined);
    vi.stubGlobal('crypto', undefined);
    const { defaultProvider } = await import('../../src/crypto/probe.js');
    await expect(defaultProvider()).rejects.toMatchObject({
      code: 'USAGE_SUITE_UNAVAILABLE',
      cause: { code: 'USAGE_SUITE_UNAVAILABLE' },
    });
  });
});

describe('a backend out of place', () => {
  beforeEach(() => {
    vi.resetModules();
  });

  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test('says that it is not available', async () => {
    withBuiltinModule(undefined);
    vi.stubGlobal('crypto', {});
    const { nativeProvider: native } = await import('../../src/crypto/native.js');
    const { webcryptoProvider } = await import('../../src/crypto/webcrypto.js');
    const { nobleProvider } = await import('../../src/crypto/noble.js');
    expect(native).toThrow("Node's crypto module is not available here");
    expect(() => webcryptoProvider()).toThrow('crypto.subtle is not available here');
    expect(() => nobleProvider().generateKey('X25519')).toThrow('crypto.getRandomValues is not available here');
  });
});
