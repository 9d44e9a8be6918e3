import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { type Awaitable, run } from '../../src/crypto/steps.js';
import { keyManagementAlgorithms } from '../../src/crypto/suites.js';
import { algorithms, rsaCoseKey, rsaPublicKey } from './backends.js';

const provider = nativeProvider();

/** The value itself: the native backend promises never to promise. */
function now<T>(value: Awaitable<T>): T {
  expect(value).not.toBeInstanceOf(Promise);
  return value as T;
}

function keyFor(algorithm: PrivateKey['algorithm']): PrivateKey {
  const isRsa = algorithm === 'PS256' || algorithm === 'RSA-OAEP-256';
  return now(isRsa ? provider.importPrivateKey(algorithm, rsaCoseKey) : provider.generateKey(algorithm));
}

describe('the native backend is synchronous', () => {
  const key = new Uint8Array(32);
  const iv = new Uint8Array(12);
  const data = new Uint8Array(100_000);

  test('symmetric operations', () => {
    expect(now(provider.sha256(data))).toHaveLength(32);
    expect(now(provider.hkdf('SHA-256', key, iv, data, 100))).toHaveLength(100);
    const ciphertext = now(provider.aesGcmEncrypt(key, iv, iv, data));
    expect(now(provider.aesGcmDecrypt(key, iv, iv, ciphertext))).toEqual(data);
    expect(now(provider.aesGcmDecrypt(key, iv, key, ciphertext))).toBeNull();
    expect(now(provider.aesKwUnwrap(key, now(provider.aesKwWrap(key, key))))).toEqual(key);
  });

  test.each(algorithms)('keys: %s', (algorithm) => {
    const made = keyFor(algorithm);
    const coseKey = now(provider.exportPrivateKey(made));
    expect(now(provider.importPrivateKey(algorithm, coseKey)).publicKey).toEqual(made.publicKey);
  });

  test.each(['Ed25519', 'ESP256', 'PS256'] as const)('signatures: %s', (algorithm) => {
    const signing = keyFor(algorithm);
    const signature = now(provider.sign(signing, data));
    expect(now(provider.verify(algorithm, signing.publicKey, data, signature))).toBe(true);
  });

  test.each(keyManagementAlgorithms)('wrapping: $name', (algorithm) => {
    const receiving = keyFor(algorithm.name);
    const wrapped = now(run(algorithm.wrap(provider, receiving.publicKey, key, key)));
    const recipient = { ...wrapped, protectedBytes: new Uint8Array(0) };
    expect(now(run(algorithm.unwrap(provider, receiving, key, recipient)))).toEqual(key);
  });
});

test('answers plain Uint8Arrays, no Buffers', () => {
  const key = provider.randomBytes(32);
  const iv = provider.randomBytes(12);
  const signing = keyFor('Ed25519');
  const { ephemeralKey, sharedSecret } = now(provider.agreeEphemeral(keyFor('P-256').publicKey));
  const results = [
    key,
    now(provider.sha256(key)),
    now(provider.hkdf('SHA-256', key, key, key, 32)),
    now(provider.aesGcmEncrypt(key, iv, iv, key)),
    now(provider.aesGcmDecrypt(key, iv, iv, now(provider.aesGcmEncrypt(key, iv, iv, key)))),
    now(provider.aesKwWrap(key, key)),
    now(provider.aesKwUnwrap(key, now(provider.aesKwWrap(key, key)))),
    now(provider.sign(signing, key)),
    now(provider.rsaOaepEncrypt(rsaPublicKey, key)),
    now(provider.exportPrivateKey(signing)),
    sharedSecret,
    ...Object.values(ephemeralKey).filter((value) => typeof value !== 'string'),
  ];
  for (const result of results) expect(Object.getPrototypeOf(result)).toBe(Uint8Array.prototype);
});

test('extractable keys export right after they were generated, however often', () => {
  // On Node 20 a JWK export of a KeyObject fresh from generateKeyPairSync dead-locks within some thousand rounds.
  const program = fileURLToPath(new URL('./export-rounds.ts', import.meta.url));
  const child = spawnSync(process.execPath, ['--import', 'tsx', program], { timeout: 90_000, encoding: 'utf8' });
  expect(child).toMatchObject({ stdout: 'done', status: 0 });
}, 100_000);
