import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { backends, flip, okp } from './backends.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = (longest: number) => fc.uint8Array({ maxLength: longest });
const native = nativeProvider();

describe.each(backends)('into a place: $label', ({ provider }) => {
  test('parts are encrypted as what they are together, and nothing around the place is touched', async () => {
    const inputs = fc.record({
      key: bytes(32),
      iv: bytes(12),
      aad: some(64),
      parts: fc.array(some(3000), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(inputs, async ({ key, iv, aad, parts }) => {
        const ciphertext = await native.aesGcmEncrypt(key, iv, aad, concat(...parts));
        const around = new Uint8Array(ciphertext.length + 7).fill(9);
        await provider.aesGcmEncryptInto(around.subarray(3, -4), key, iv, aad, parts);
        expect(around).toEqual(Uint8Array.of(9, 9, 9, ...ciphertext, 9, 9, 9, 9));
      }),
    );
  });
});

describe.each(backends.filter(({ label }) => label !== 'native'))('$label', ({ provider }) => {
  test('seals with AES-256-GCM what native opens, and nothing else opens', async () => {
    const inputs = fc.record({ key: bytes(32), iv: bytes(12), aad: some(64), plaintext: some(300), at: fc.nat() });
    await fc.assert(
      fc.asyncProperty(inputs, async ({ key, iv, aad, plaintext, at }) => {
        const ciphertext = await provider.aesGcmEncrypt(key, iv, aad, plaintext);
        expect(ciphertext).toEqual(await native.aesGcmEncrypt(key, iv, aad, plaintext));
        expect(await provider.aesGcmDecrypt(key, iv, aad, ciphertext)).toEqual(plaintext);
        const spoilt = flip(ciphertext, at % ciphertext.length);
        expect(await provider.aesGcmDecrypt(key, iv, aad, spoilt)).toBeNull();
        expect(await provider.aesGcmDecrypt(key, iv, Uint8Array.of(...aad, 0), ciphertext)).toBeNull();
      }),
    );
  });

  test('under a key that comes again, long and short, and one whose bytes were changed', async () => {
    const [key, iv] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2)];
    for (const length of [5000, 0, 1023, 1024, 5000, 1024]) {
      const plaintext = new Uint8Array(length).fill(3);
      const ciphertext = await native.aesGcmEncrypt(key, iv, iv, plaintext);
      expect(await provider.aesGcmEncrypt(key, iv, iv, plaintext)).toEqual(ciphertext);
      expect(await provider.aesGcmDecrypt(key, iv, iv, ciphertext)).toEqual(plaintext);
      key[length % 7] = length % 256;
      expect(await provider.aesGcmDecrypt(key, iv, iv, ciphertext)).toBeNull();
    }
  });

  test('hashes, derives and wraps as native does', async () => {
    const inputs = fc.record({ a: some(200), b: some(200), c: some(200), kek: bytes(32), key: bytes(32) });
    await fc.assert(
      fc.asyncProperty(inputs, fc.integer({ min: 1, max: 300 }), async ({ a, b, c, kek, key }, length) => {
        expect(await provider.sha256(a)).toEqual(await native.sha256(a));
        expect(await provider.sha512(a)).toEqual(await native.sha512(a));
        expect(await provider.hkdf('SHA-256', a, b, c, length)).toEqual(await native.hkdf('SHA-256', a, b, c, length));
        const wrapped = await provider.aesKwWrap(kek, key);
        expect(wrapped).toEqual(await native.aesKwWrap(kek, key));
        expect(await provider.aesKwUnwrap(kek, wrapped)).toEqual(key);
      }),
    );
  });

  test('opens what is longer than plain JavaScript handles here', async () => {
    const [key, iv] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2)];
    for (const length of [4079, 4080, 4095, 4096, 4097, 100_000]) {
      const plaintext = new Uint8Array(length).fill(3);
      const ciphertext = await native.aesGcmEncrypt(key, iv, iv, plaintext);
      expect(await provider.aesGcmEncrypt(key, iv, iv, plaintext)).toEqual(ciphertext);
      expect(await provider.aesGcmDecrypt(key, iv, iv, ciphertext)).toEqual(plaintext);
      expect(await provider.aesGcmDecrypt(key, iv, iv, flip(ciphertext, length))).toBeNull();
      expect(await provider.sha256(plaintext)).toEqual(await native.sha256(plaintext));
    }
  });

  test('finds the same X25519 secret as native for any public key, canonical or not', async () => {
    const coseKey = await native.exportPrivateKey(await native.generateKey('X25519'));
    const [ours, theirs] = [
      await provider.importPrivateKey('X25519', coseKey),
      await native.importPrivateKey('X25519', coseKey),
    ];
    const beyondPrime = fc
      .integer({ min: 0xed, max: 0xff })
      .map((low) => new Uint8Array(32).fill(0xff).fill(low, 0, 1));
    const maskedBit = bytes(32).map((x) => x.map((byte, i) => (i === 31 ? byte | 0x80 : byte)));
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes(32), beyondPrime, maskedBit), async (x) => {
        const peer = okp('X25519', Buffer.from(x).toString('hex'));
        expect(await provider.agree(ours, peer)).toEqual(await native.agree(theirs, peer));
      }),
      { numRuns: 40 },
    );
  });

  test('verifies as native does, whatever comes', async () => {
    for (const algorithm of ['Ed25519', 'ESP256'] as const) {
      const key = await native.generateKey(algorithm);
      const message = fc.oneof(some(100), fc.constant(new Uint8Array(0)));
      await fc.assert(
        fc.asyncProperty(message, bytes(64), fc.nat(511), async (data, noise, bit) => {
          const signature = await native.sign(key, data);
          const spoilt = signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
          expect(await provider.verify(algorithm, key.publicKey, data, signature)).toBe(true);
          expect(await provider.verify(algorithm, key.publicKey, data, spoilt)).toBe(false);
          expect(await provider.verify(algorithm, key.publicKey, data, noise)).toBe(false);
          expect(await native.verify(algorithm, key.publicKey, data, spoilt)).toBe(false);
        }),
        { numRuns: 25 },
      );
    }
  });

  test('imports each public key object once, and is not fooled by another with the same bytes', async () => {
    const [first, second] = [await native.generateKey('Ed25519'), await native.generateKey('Ed25519')];
    const data = new Uint8Array(10);
    const signature = await native.sign(first, data);
    for (let round = 0; round < 3; round++) {
      expect(await provider.verify('Ed25519', first.publicKey, data, signature)).toBe(true);
      expect(await provider.verify('Ed25519', { ...first.publicKey }, data, signature)).toBe(true);
      expect(await provider.verify('Ed25519', second.publicKey, data, signature)).toBe(false);
    }
  });
});

test('an ephemeral key is never used twice', async () => {
  for (const { provider } of backends) {
    for (const algorithm of ['X25519', 'P-256'] as const) {
      const { publicKey } = await provider.generateKey(algorithm);
      const rounds = await Promise.all(Array.from({ length: 8 }, () => provider.agreeEphemeral(publicKey)));
      const xs = rounds.map(({ ephemeralKey }) =>
        'x' in ephemeralKey ? Buffer.from(ephemeralKey.x).toString('hex') : '',
      );
      expect(new Set(xs).size).toBe(8);
      expect(new Set(rounds.map(({ sharedSecret }) => Buffer.from(sharedSecret).toString('hex'))).size).toBe(8);
    }
  }
});
