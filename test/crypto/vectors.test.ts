import { describe, expect, test } from 'vitest';
import { encodePublicKey } from '../../src/cose/key.js';
import { thumbprint } from '../../src/cose/thumbprint.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import { backends, ec2, hex, importScalar, okp, readVectors } from './backends.js';

interface Vectors<Case> {
  readonly cases: readonly (Case & { readonly name: string })[];
}

const sha256 = readVectors<Vectors<{ message: string; digest: string }>>('sha-256.json');
const sha512 = readVectors<Vectors<{ message: string; digest: string }>>('sha-512.json');
const hkdf = (['SHA-256', 'SHA-512'] as const).flatMap((hash) => {
  type Case = { ikm: string; salt: string; info: string; length: number; okm: string };
  const { cases } = readVectors<Vectors<Case>>(`hkdf-${hash.toLowerCase().replace('-', '')}.json`);
  return cases.map((vector) => ({ hash, ...vector }));
});
const keyWrap = readVectors<Vectors<{ kek: string; key: string | null; wrapped: string }>>('aes-256-kw.json');
const gcm = ['aes-256-gcm', 'aes-128-gcm'].flatMap((cipher) => {
  type Case = { key: string; iv: string; aad: string; ciphertext: string; plaintext: string | null };
  return readVectors<Vectors<Case>>(`${cipher}.json`).cases.map((vector) => ({ cipher, ...vector }));
});
const ed25519 = readVectors<{
  signatures: readonly { name: string; privateKey: string; publicKey: string; message: string; signature: string }[];
}>('ed25519.json');
const x25519 = readVectors<{
  agreements: readonly { name: string; privateKey: string; publicKey: string; peerKey: string; sharedSecret: string }[];
  lowOrderPoints: readonly string[];
}>('x25519.json');
const p256 = readVectors<{
  agreements: readonly Record<'name' | 'privateKey' | 'x' | 'y' | 'peerX' | 'peerY' | 'sharedSecret', string>[];
  invalidPoints: readonly Record<'name' | 'x' | 'y', string>[];
  signatures: readonly (Record<'name' | 'message' | 'x' | 'y' | 'signature', string> & {
    valid: boolean;
    privateKey?: string;
  })[];
}>('p256.json');
const cose = readVectors<{
  thumbprint: Record<'x' | 'y' | 'encoded' | 'sha256', string>;
  ecdhEsA256kw: Record<
    | 'x'
    | 'y'
    | 'privateKey'
    | 'ephemeralX'
    | 'ephemeralY'
    | 'sharedSecret'
    | 'kdfContext'
    | 'kek'
    | 'wrapped'
    | 'cek'
    | 'iv'
    | 'aad'
    | 'ciphertext'
    | 'plaintext',
    string
  >;
}>('cose.json');

const orNull = (text: string | null) => (text === null ? null : hex(text));

describe.each(backends)('$label', ({ provider }) => {
  test.each(sha256.cases)('SHA-256: $name', async ({ message, digest }) => {
    expect(await provider.sha256(hex(message))).toEqual(hex(digest));
  });

  test.each(sha512.cases)('SHA-512: $name', async ({ message, digest }) => {
    expect(await provider.sha512(hex(message))).toEqual(hex(digest));
  });

  test.each(hkdf)('HKDF-$hash: $name', async ({ hash, ikm, salt, info, length, okm }) => {
    expect(await provider.hkdf(hash, hex(ikm), hex(salt), hex(info), length)).toEqual(hex(okm));
  });

  test.each(keyWrap.cases)('AES key wrap: $name', async ({ kek, key, wrapped }) => {
    expect(await provider.aesKwUnwrap(hex(kek), hex(wrapped))).toEqual(orNull(key));
    if (key !== null) expect(await provider.aesKwWrap(hex(kek), hex(key))).toEqual(hex(wrapped));
  });

  test.each(gcm)('$cipher: $name', async ({ key, iv, aad, ciphertext, plaintext }) => {
    expect(await provider.aesGcmDecrypt(hex(key), hex(iv), hex(aad), hex(ciphertext))).toEqual(orNull(plaintext));
    if (plaintext !== null) {
      expect(await provider.aesGcmEncrypt(hex(key), hex(iv), hex(aad), hex(plaintext))).toEqual(hex(ciphertext));
    }
  });

  test.each(ed25519.signatures)('Ed25519: $name', async ({ privateKey, publicKey, message, signature }) => {
    const key = await importScalar(provider, 'Ed25519', okp('Ed25519', publicKey), privateKey);
    expect(await provider.sign(key, hex(message))).toEqual(hex(signature));
    expect(await provider.verify('Ed25519', okp('Ed25519', publicKey), hex(message), hex(signature))).toBe(true);
    expect(await provider.verify('Ed25519', okp('Ed25519', publicKey), hex(`${message}00`), hex(signature))).toBe(
      false,
    );
  });

  test.each(x25519.agreements)('X25519: $name', async ({ privateKey, publicKey, peerKey, sharedSecret }) => {
    const key = await importScalar(provider, 'X25519', okp('X25519', publicKey), privateKey);
    expect(await provider.agree(key, okp('X25519', peerKey))).toEqual(hex(sharedSecret));
  });

  test.each(x25519.lowOrderPoints)('X25519: low-order point %s', async (point) => {
    const key = await provider.generateKey('X25519');
    expect(await provider.agree(key, okp('X25519', point))).toBeNull();
    await expect(async () => provider.agreeEphemeral(okp('X25519', point))).rejects.toMatchObject({
      code: 'DECODE_KEY',
    });
  });

  test.each(p256.agreements)('P-256: $name', async (vector) => {
    const key = await importScalar(provider, 'P-256', ec2(vector.x, vector.y), vector.privateKey);
    expect(await provider.agree(key, ec2(vector.peerX, vector.peerY))).toEqual(hex(vector.sharedSecret));
  });

  test.each(p256.invalidPoints)('P-256: not on the curve, $name', async ({ x, y }) => {
    const key = await provider.generateKey('P-256');
    expect(await provider.agree(key, ec2(x, y))).toBeNull();
    await expect(async () => provider.agreeEphemeral(ec2(x, y))).rejects.toMatchObject({ code: 'DECODE_KEY' });
    await expect(async () =>
      provider.verify('ESP256', ec2(x, y), new Uint8Array(1), new Uint8Array(64)),
    ).rejects.toMatchObject({ code: 'DECODE_KEY' });
  });

  test.each(p256.signatures)('ESP256: $name', async ({ message, x, y, signature, valid, privateKey }) => {
    expect(await provider.verify('ESP256', ec2(x, y), hex(message), hex(signature))).toBe(valid);
    if (privateKey === undefined) return;
    const key = await importScalar(provider, 'ESP256', ec2(x, y), privateKey);
    const fresh = await provider.sign(key, hex(message));
    expect(fresh).toHaveLength(64);
    expect(await provider.verify('ESP256', ec2(x, y), hex(message), fresh)).toBe(true);
  });

  test('RFC 9679 §6: COSE Key thumbprint', async () => {
    const { x, y, encoded, sha256: digest } = cose.thumbprint;
    expect(encodePublicKey(ec2(x, y))).toEqual(hex(encoded));
    expect(await thumbprint(ec2(x, y), (data) => provider.sha256(data))).toEqual(hex(digest));
  });

  test('COSE working group: ECDH-ES + A256KW with A256GCM, step by step', async () => {
    const v = cose.ecdhEsA256kw;
    const key = await importScalar(provider, 'P-256', ec2(v.x, v.y), v.privateKey);
    const secret = await provider.agree(key, ec2(v.ephemeralX, v.ephemeralY));
    expect(secret).toEqual(hex(v.sharedSecret));
    const kek = await provider.hkdf('SHA-256', hex(v.sharedSecret), new Uint8Array(0), hex(v.kdfContext), 32);
    expect(kek).toEqual(hex(v.kek));
    expect(await provider.aesKwUnwrap(kek, hex(v.wrapped))).toEqual(hex(v.cek));
    expect(await provider.aesGcmDecrypt(hex(v.cek), hex(v.iv), hex(v.aad), hex(v.ciphertext))).toEqual(
      hex(v.plaintext),
    );
  });
});

test('noble signs ESP256 with the nonce of RFC 6979', async () => {
  const noble = nobleProvider();
  const known = p256.signatures.filter(({ privateKey }) => privateKey !== undefined);
  expect(known).toHaveLength(2);
  for (const { message, x, y, signature, privateKey = '' } of known) {
    const key = await importScalar(noble, 'ESP256', ec2(x, y), privateKey);
    expect(await noble.sign(key, hex(message))).toEqual(hex(signature));
  }
});
