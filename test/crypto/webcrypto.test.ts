import { afterEach, describe, expect, test, vi } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import { selfTest } from '../../src/crypto/self-test.js';
import { privateKeyFromCryptoKey, privateKeyToCryptoKey, webcryptoProvider } from '../../src/crypto/webcrypto.js';
import { algorithms, keyFor } from './backends.js';

const data = new TextEncoder().encode('data');

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('CryptoKeys', () => {
  const provider = webcryptoProvider();

  test.each(algorithms)('are as non-extractable as asked: %s', async (algorithm) => {
    for (const extractable of [true, false]) {
      const key = privateKeyToCryptoKey(await keyFor(provider, algorithm, extractable));
      expect(key).toMatchObject({ type: 'private', extractable });
      if (key !== undefined && !extractable) {
        await expect(crypto.subtle.exportKey('pkcs8', key)).rejects.toHaveProperty(
          'name',
          expect.stringMatching('InvalidAccess'),
        );
      }
    }
  });

  test('come back as private keys that sign and agree, from a structured clone', async () => {
    const signing = await provider.generateKey('Ed25519', false);
    const receiving = await provider.generateKey('X25519', false);
    const [signingAgain, receivingAgain] = [signing, receiving].map((key) => {
      const stored = structuredClone({ key: privateKeyToCryptoKey(key), publicKey: key.publicKey });
      if (stored.key === undefined) throw new TypeError('not a CryptoKey');
      return privateKeyFromCryptoKey(key.algorithm, stored.publicKey, stored.key);
    });
    if (signingAgain === undefined || receivingAgain === undefined) throw new TypeError('two keys');
    const signature = await provider.sign(signingAgain, data);
    expect(await provider.verify('Ed25519', signing.publicKey, data, signature)).toBe(true);
    const { ephemeralKey, sharedSecret } = await provider.agreeEphemeral(receiving.publicKey);
    expect(await provider.agree(receivingAgain, ephemeralKey)).toEqual(sharedSecret);
    await expect(async () => provider.exportPrivateKey(signingAgain)).rejects.toMatchObject({
      code: 'USAGE_KEY_NOT_EXTRACTABLE',
    });
  });

  test('are refused for another algorithm or another kind of key', async () => {
    const made = await Promise.all(algorithms.map((algorithm) => keyFor(provider, algorithm)));
    for (const key of made) {
      const cryptoKey = privateKeyToCryptoKey(key);
      if (cryptoKey === undefined) throw new TypeError('not a CryptoKey');
      for (const { algorithm, publicKey } of made.filter((other) => other !== key)) {
        expect(() => privateKeyFromCryptoKey(algorithm, publicKey, cryptoKey)).toThrow(`not a private key for`);
      }
    }
  });

  test('do not exist of keys of other backends', async () => {
    expect(privateKeyToCryptoKey(await nobleProvider().generateKey('Ed25519'))).toBeUndefined();
    expect(privateKeyToCryptoKey(await nativeProvider().generateKey('Ed25519'))).toBeUndefined();
  });
});

test('one that made a key is as good as any other instance', async () => {
  const key = await webcryptoProvider().generateKey('Ed25519');
  const signature = await webcryptoProvider().sign(key, data);
  expect(await webcryptoProvider().verify('Ed25519', key.publicKey, data, signature)).toBe(true);
});

describe('where the platform does not know Ed25519 and X25519', () => {
  /** The platform's Web Crypto as it was before both curves were added. */
  function olderPlatform(): void {
    const { subtle } = crypto;
    const refuse = (name: unknown) => name === 'Ed25519' || name === 'X25519';
    const nameOf = (argument: unknown) =>
      typeof argument === 'object' && argument !== null && 'name' in argument ? argument.name : argument;
    const older = new Proxy(subtle, {
      get:
        (target, method: keyof SubtleCrypto) =>
        async (...args: unknown[]) => {
          if (args.some((argument) => refuse(nameOf(argument)))) throw new DOMException('', 'NotSupportedError');
          return (target[method] as (...args: unknown[]) => unknown).apply(target, args);
        },
    });
    vi.stubGlobal('crypto', { subtle: older, getRandomValues: crypto.getRandomValues.bind(crypto) });
  }

  test('they run in plain JavaScript, the other algorithms do not', async () => {
    olderPlatform();
    const provider = webcryptoProvider();
    expect(await selfTest(provider)).toEqual([]);
    expect(algorithms.filter((algorithm) => provider.supports(algorithm))).toEqual(algorithms);
    const inScript = [];
    for (const algorithm of algorithms) {
      const key = await keyFor(provider, algorithm);
      if (privateKeyToCryptoKey(key) === undefined) inScript.push(algorithm);
    }
    expect(inScript).toEqual(['Ed25519', 'X25519']);
  });

  test('what they make fits other backends', async () => {
    olderPlatform();
    const provider = webcryptoProvider();
    const native = nativeProvider();
    const signing = await provider.generateKey('Ed25519');
    const signature = await provider.sign(signing, data);
    expect(await native.verify('Ed25519', signing.publicKey, data, signature)).toBe(true);
    const again = await native.importPrivateKey('Ed25519', await provider.exportPrivateKey(signing));
    expect(await native.sign(again, data)).toEqual(signature);
    const receiving = await native.generateKey('X25519');
    const { ephemeralKey, sharedSecret } = await provider.agreeEphemeral(receiving.publicKey);
    expect(await native.agree(receiving, ephemeralKey)).toEqual(sharedSecret);
  });

  test('a non-extractable key of theirs cannot be had', async () => {
    olderPlatform();
    const provider = webcryptoProvider();
    for (const algorithm of ['Ed25519', 'X25519'] as const) {
      const coseKey = await provider.exportPrivateKey(await provider.generateKey(algorithm));
      await expect(async () => provider.generateKey(algorithm, false)).rejects.toMatchObject({
        code: 'USAGE_SUITE_UNAVAILABLE',
      });
      await expect(async () => provider.importPrivateKey(algorithm, coseKey, false)).rejects.toMatchObject({
        code: 'USAGE_SUITE_UNAVAILABLE',
      });
    }
    expect(privateKeyToCryptoKey(await provider.generateKey('P-256', false))).toMatchObject({ extractable: false });
  });
});
