import { describe, expect, test } from 'vitest';
import { encodePrivateKey, encodePublicKey, type PublicKey } from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider, SignatureName } from '../../src/crypto/provider.js';
import { SealMQError } from '../../src/errors.js';
import { algorithms, backends, ec2, flip, hex, okp, rsaCoseKey, rsaPublicKey } from './backends.js';

const bytes = (length: number) => new Uint8Array(length).fill(7);

/** The code of the SealMQError that `work` ends in; anything else fails the test. */
async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(SealMQError);
    return (error as SealMQError).code;
  }
  return 'nothing was refused';
}

const rsa = (length: number, e = '010001'): PublicKey => ({ kty: 'RSA', n: bytes(length).fill(0xff, 0, 1), e: hex(e) });

const badPublicKeys: readonly [reason: string, algorithm: SignatureName, key: PublicKey][] = [
  ['an Ed25519 key of 31 bytes', 'Ed25519', okp('Ed25519', '01'.repeat(31))],
  ['an X25519 key', 'Ed25519', okp('X25519', '01'.repeat(32))],
  ['a P-256 key', 'Ed25519', ec2('01'.repeat(32), '01'.repeat(32))],
  ['a coordinate of 31 bytes', 'ESP256', ec2('01'.repeat(31), '01'.repeat(32))],
  ['a point off the curve', 'ESP256', ec2('01'.repeat(32), '01'.repeat(32))],
];
const badRsaKeys: readonly [reason: string, algorithm: SignatureName, key: PublicKey][] = [
  ['an RSA key of 2048 bits', 'PS256', rsa(256)],
  ['an RSA key of 8192 bits', 'PS256', rsa(1024)],
  ['an RSA exponent of 3', 'PS256', rsa(384, '03')],
];

const badAgreementKeys: readonly [reason: string, key: PublicKey][] = [
  ['an X25519 key of 31 bytes', okp('X25519', '09'.padEnd(62, '0'))],
  ['a zero X25519 key', okp('X25519', '00'.repeat(32))],
  ['a point off the curve', ec2('01'.repeat(32), '01'.repeat(32))],
  ['a coordinate of 33 bytes', ec2(`00${'01'.repeat(32)}`, '01'.repeat(32))],
  ['an Ed25519 key', okp('Ed25519', '01'.repeat(32))],
  ['an RSA key', rsa(384)],
];

describe.each(backends)('$label refuses', ({ provider }) => {
  const signature = (key: PublicKey) => bytes(key.kty === 'RSA' ? key.n.length : 64);
  const known = provider.supports('PS256') ? [...badPublicKeys, ...badRsaKeys] : badPublicKeys;

  test.each(known)('to verify with %s', async (_reason, algorithm, key) => {
    expect(await refusal(() => provider.verify(algorithm, key, bytes(3), signature(key)))).toBe('DECODE_KEY');
    // The second time the key object is known.
    expect(await refusal(() => provider.verify(algorithm, key, bytes(3), signature(key)))).toBe('DECODE_KEY');
  });

  test.each(badAgreementKeys)('to agree with %s', async (_reason, key) => {
    expect(await refusal(() => provider.agreeEphemeral(key))).toBe('DECODE_KEY');
    for (const algorithm of ['X25519', 'P-256'] as const) {
      expect(await provider.agree(await provider.generateKey(algorithm), key)).toBeNull();
    }
  });

  test('signatures of a wrong length, as just false', async () => {
    for (const algorithm of ['Ed25519', 'ESP256'] as const) {
      const { publicKey } = await provider.generateKey(algorithm);
      for (const length of [0, 1, 63, 65, 72, 384]) {
        expect(await provider.verify(algorithm, publicKey, bytes(3), bytes(length))).toBe(false);
      }
      expect(await provider.verify(algorithm, publicKey, bytes(3), new Uint8Array(64))).toBe(false);
      expect(await provider.verify(algorithm, publicKey, bytes(3), new Uint8Array(64).fill(0xff))).toBe(false);
    }
  });

  test.each(algorithms.filter((algorithm) => provider.supports(algorithm)))(
    'to export a non-extractable key: %s',
    async (algorithm) => {
      const made = await provider.generateKey(algorithm, false);
      expect(await refusal(() => provider.exportPrivateKey(made))).toBe('USAGE_KEY_NOT_EXTRACTABLE');
      const isRsa = made.publicKey.kty === 'RSA';
      const coseKey = isRsa ? rsaCoseKey : await provider.exportPrivateKey(await provider.generateKey(algorithm));
      const imported = await provider.importPrivateKey(algorithm, coseKey, false);
      expect(await refusal(() => provider.exportPrivateKey(imported))).toBe('USAGE_KEY_NOT_EXTRACTABLE');
      expect(Object.keys(made)).toEqual(['algorithm', 'publicKey']);
    },
  );

  test('private keys that are none', async () => {
    const curves = ['Ed25519', 'ESP256', 'X25519', 'P-256'] as const;
    for (const algorithm of curves) {
      const { publicKey } = await provider.generateKey(algorithm);
      const other = await provider.generateKey(algorithm);
      const d = (await provider.exportPrivateKey(other)).slice(-32);
      const cases: [string, Uint8Array][] = [
        ['no CBOR', bytes(5)],
        ['empty', new Uint8Array(0)],
        ['no secret', encodePublicKey(publicKey)],
        ['short secret', encodePrivateKey(publicKey, { d: d.slice(1) })],
        ['long secret', encodePrivateKey(publicKey, { d: Uint8Array.of(0, ...d) })],
        ["another key's secret", encodePrivateKey(publicKey, { d })],
      ];
      for (const [reason, coseKey] of cases) {
        expect([reason, await refusal(() => provider.importPrivateKey(algorithm, coseKey))]).toEqual([
          reason,
          'DECODE_KEY',
        ]);
      }
    }
  });

  test('a private key for another algorithm', async () => {
    const coseKey = await provider.exportPrivateKey(await provider.generateKey('Ed25519'));
    for (const algorithm of ['X25519', 'ESP256', 'P-256'] as const) {
      expect(await refusal(() => provider.importPrivateKey(algorithm, coseKey))).toBe('DECODE_KEY');
    }
  });

  test('scalars outside the order of P-256', async () => {
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    const { publicKey } = await provider.generateKey('P-256');
    for (const d of ['00'.repeat(32), order, 'ff'.repeat(32)]) {
      for (const algorithm of ['P-256', 'ESP256'] as const) {
        const coseKey = encodePrivateKey(publicKey, { d: hex(d) });
        expect(await refusal(() => provider.importPrivateKey(algorithm, coseKey))).toBe('DECODE_KEY');
      }
    }
  });

  test('arguments of a wrong size', async () => {
    const iv = bytes(12);
    const none = bytes(0);
    const cases = [
      () => provider.aesGcmEncrypt(bytes(24), iv, none, none),
      () => provider.aesGcmEncrypt(bytes(32), bytes(16), none, none),
      () => provider.aesGcmEncryptInto(bytes(16), bytes(24), iv, none, []),
      () => provider.aesGcmEncryptInto(bytes(16), bytes(32), bytes(16), none, []),
      () => provider.aesGcmEncryptInto(bytes(16), bytes(32), iv, none, [bytes(1)]),
      () => provider.aesGcmDecrypt(bytes(31), iv, none, bytes(16)),
      () => provider.aesGcmDecrypt(bytes(32), bytes(0), none, bytes(16)),
      () => provider.aesKwWrap(bytes(16), bytes(32)),
      () => provider.aesKwWrap(bytes(32), bytes(16)),
      () => provider.aesKwUnwrap(bytes(33), bytes(40)),
      () => provider.hkdf('SHA-256', bytes(32), none, none, 0),
      () => provider.hkdf('SHA-256', bytes(32), none, none, 8161),
      () => provider.hkdf('SHA-512', bytes(32), none, none, 16_321),
      () => provider.hkdf('SHA-1' as 'SHA-256', bytes(32), none, none, 1),
      () => provider.randomBytes(-1),
      () => provider.randomBytes(1.5),
    ];
    for (const work of cases)
      expect([String(work), await refusal(work)]).toEqual([String(work), 'USAGE_INVALID_ARGUMENT']);
  });

  test('ciphertexts that are too short or of a wrong length, as null', async () => {
    for (const length of [0, 1, 15, 16, 17]) {
      expect(await provider.aesGcmDecrypt(bytes(32), bytes(12), bytes(0), bytes(length))).toBeNull();
    }
    for (const length of [0, 8, 24, 32, 39, 40, 41, 48]) {
      expect(await provider.aesKwUnwrap(bytes(32), bytes(length))).toBeNull();
    }
  });

  test('keys for another operation', async () => {
    const signing = await provider.generateKey('Ed25519');
    const receiving = await provider.generateKey('X25519');
    const p256 = await provider.generateKey('ESP256');
    expect(await refusal(() => provider.sign(receiving, bytes(3)))).toBe('USAGE_INVALID_ARGUMENT');
    expect(await refusal(() => provider.agree(signing, receiving.publicKey))).toBe('USAGE_INVALID_ARGUMENT');
    expect(await refusal(() => provider.agree(p256, p256.publicKey))).toBe('USAGE_INVALID_ARGUMENT');
  });

  test("another backend's private key", async () => {
    const other = backends.find(({ provider: candidate }) => candidate.name !== provider.name);
    const key = await other?.provider.generateKey('Ed25519');
    expect(key).toBeDefined();
    if (key === undefined) return;
    expect(await refusal(() => provider.sign(key, bytes(3)))).toBe('USAGE_INVALID_ARGUMENT');
    expect(await refusal(() => provider.exportPrivateKey(key))).toBe('USAGE_INVALID_ARGUMENT');
    expect(await refusal(() => provider.sign({ ...key }, bytes(3)))).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('what it does not support', async () => {
    const missing = algorithms.filter((algorithm) => !provider.supports(algorithm));
    expect(missing).toEqual(provider.name === 'noble' ? ['PS256', 'RSA-OAEP-256'] : []);
    for (const algorithm of missing) {
      const key = await nativeProvider().importPrivateKey(algorithm, rsaCoseKey);
      const cases = [
        () => provider.generateKey(algorithm),
        () => provider.importPrivateKey(algorithm, rsaCoseKey),
        () => provider.verify('PS256', rsaPublicKey, bytes(3), bytes(384)),
        () => provider.rsaOaepEncrypt(rsaPublicKey, bytes(32)),
        () => provider.rsaOaepDecrypt(key, bytes(384)),
      ];
      for (const work of cases) expect(await refusal(work)).toBe('USAGE_SUITE_UNAVAILABLE');
    }
  });
});

const withRsa = backends.filter(({ provider }) => provider.supports('RSA-OAEP-256'));

describe.each(withRsa)('$label refuses, of RSA,', ({ provider }: { provider: CryptoProvider }) => {
  test('plaintexts that are too long and ciphertexts that do not decrypt', async () => {
    const key = await provider.importPrivateKey('RSA-OAEP-256', rsaCoseKey);
    const longest = 384 - 66;
    const sealed = await provider.rsaOaepEncrypt(key.publicKey, bytes(longest));
    expect(sealed).toHaveLength(384);
    expect(await provider.rsaOaepDecrypt(key, sealed)).toEqual(bytes(longest));
    expect(await refusal(() => provider.rsaOaepEncrypt(key.publicKey, bytes(longest + 1)))).toBe(
      'USAGE_INVALID_ARGUMENT',
    );
    for (const spoilt of [flip(sealed, 0), flip(sealed, 383), sealed.slice(1), bytes(0), bytes(384), bytes(512)]) {
      expect(await provider.rsaOaepDecrypt(key, spoilt)).toBeNull();
    }
  });

  test.each([256, 1024])('a public key of %i bytes', async (length) => {
    expect(await refusal(() => provider.rsaOaepEncrypt(rsa(length), bytes(32)))).toBe('DECODE_KEY');
  });

  test('keys of other types', async () => {
    const signing = await provider.importPrivateKey('PS256', rsaCoseKey);
    expect(await refusal(() => provider.rsaOaepEncrypt(ec2('00', '00'), bytes(32)))).toBe('DECODE_KEY');
    expect(await refusal(() => provider.rsaOaepDecrypt(signing, bytes(384)))).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('a private key whose primes are not those of its modulus', async () => {
    const modulusAt = Buffer.from(rsaCoseKey).indexOf(rsaPublicKey.n);
    expect(modulusAt).toBeGreaterThan(0);
    const coseKey = flip(rsaCoseKey, modulusAt + 200);
    expect(await refusal(() => provider.importPrivateKey('PS256', coseKey))).toBe('DECODE_KEY');
  });
});
