import { beforeAll, describe, expect, test } from 'vitest';
import { thumbprint } from '../../src/cose/thumbprint.js';
import type { KeyAlgorithm } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { keyManagementAlgorithms, signatureAlgorithms } from '../../src/crypto/suites.js';
import { algorithms, backends, flip } from './backends.js';

const message = new TextEncoder().encode('from one backend to another');

/** By backend and algorithm: a key that this backend generated and exported. */
const coseKeys = new Map<string, Uint8Array>();

beforeAll(async () => {
  for (const { label, provider } of backends) {
    for (const algorithm of algorithms.filter((name) => provider.supports(name))) {
      const key = await provider.generateKey(algorithm);
      coseKeys.set(`${label} ${algorithm}`, await provider.exportPrivateKey(key));
    }
  }
}, 120_000);

function coseKeyOf(label: string, algorithm: KeyAlgorithm): Uint8Array {
  return coseKeys.get(`${label} ${algorithm}`) ?? new Uint8Array(0);
}

const pairs = backends.flatMap((from) => backends.map((to) => ({ from, to, pair: `${from.label} → ${to.label}` })));

describe.each(pairs)('$pair', ({ from, to }) => {
  const shared = (algorithm: KeyAlgorithm) => from.provider.supports(algorithm) && to.provider.supports(algorithm);

  test.each(signatureAlgorithms.filter(({ name }) => shared(name)))(
    '$name: one signs, the other verifies',
    async (s) => {
      const key = await from.provider.importPrivateKey(s.name, coseKeyOf(from.label, s.name));
      const signature = await from.provider.sign(key, message);
      expect(await to.provider.verify(s.name, key.publicKey, message, signature)).toBe(true);
      expect(await to.provider.verify(s.name, key.publicKey, flip(message, 0), signature)).toBe(false);
      for (const index of [0, signature.length >> 1, signature.length - 1]) {
        expect(await to.provider.verify(s.name, key.publicKey, message, flip(signature, index))).toBe(false);
      }
    },
  );

  test.each(keyManagementAlgorithms.filter(({ name }) => shared(name)))(
    '$name: one wraps, the other unwraps',
    async (algorithm) => {
      const key = await to.provider.importPrivateKey(algorithm.name, coseKeyOf(to.label, algorithm.name));
      const kid = await thumbprint(key.publicKey, (data) => to.provider.sha256(data));
      const cek = from.provider.randomBytes(32);
      const wrapped = await run(algorithm.wrap(from.provider, key.publicKey, kid, cek));
      const recipient = { ...wrapped, protectedBytes: new Uint8Array(0) };
      expect(await run(algorithm.unwrap(to.provider, key, kid, recipient))).toEqual(cek);
      // The KDF binds the receiver's thumbprint; RSA has no KDF.
      const withOtherKid = await run(algorithm.unwrap(to.provider, key, flip(kid, 31), recipient));
      expect(withOtherKid).toEqual(algorithm.name === 'RSA-OAEP-256' ? cek : null);
      const spoilt = { ...recipient, ciphertext: flip(wrapped.ciphertext, 7) };
      expect(await run(algorithm.unwrap(to.provider, key, kid, spoilt))).toBeNull();
    },
  );

  test.each(algorithms.filter(shared))('%s: a key exported by one imports into the other', async (algorithm) => {
    const bytes = coseKeyOf(from.label, algorithm);
    const imported = await to.provider.importPrivateKey(algorithm, bytes);
    expect(await to.provider.exportPrivateKey(imported)).toEqual(bytes);
  });
});
