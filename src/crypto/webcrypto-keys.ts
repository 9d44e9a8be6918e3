import type { PrivateParameters, PublicKey } from '../cose/key.js';
import type { KeyPair } from './backend.js';
import { type Jwk, privateKeyToJwk, publicKeyFromJwk, publicKeyToJwk, secretsFromJwk } from './jwk.js';
import type { KeyAlgorithm } from './provider.js';
import { importOnce, invalidKey } from './public-keys.js';

interface WebAlgorithm {
  /** Names the keys to `importKey` and `generateKey`. */
  readonly keys: { readonly name: string; readonly namedCurve?: string; readonly hash?: string };
  /** What `generateKey` needs besides. */
  readonly generation?: { readonly modulusLength: number; readonly publicExponent: Uint8Array<ArrayBuffer> };
  readonly privateUsage: KeyUsage;
  readonly publicUsages: readonly KeyUsage[];
}

const RSA_3072 = { modulusLength: 3072, publicExponent: Uint8Array.of(1, 0, 1) };

/** Web Crypto's words for each algorithm. */
export const webAlgorithms: Readonly<Record<KeyAlgorithm, WebAlgorithm>> = {
  Ed25519: { keys: { name: 'Ed25519' }, privateUsage: 'sign', publicUsages: ['verify'] },
  ESP256: { keys: { name: 'ECDSA', namedCurve: 'P-256' }, privateUsage: 'sign', publicUsages: ['verify'] },
  PS256: {
    keys: { name: 'RSA-PSS', hash: 'SHA-256' },
    generation: RSA_3072,
    privateUsage: 'sign',
    publicUsages: ['verify'],
  },
  X25519: { keys: { name: 'X25519' }, privateUsage: 'deriveBits', publicUsages: [] },
  'P-256': { keys: { name: 'ECDH', namedCurve: 'P-256' }, privateUsage: 'deriveBits', publicUsages: [] },
  'RSA-OAEP-256': {
    keys: { name: 'RSA-OAEP', hash: 'SHA-256' },
    generation: RSA_3072,
    privateUsage: 'decrypt',
    publicUsages: ['encrypt'],
  },
};

/** A fresh key pair; rejects where the platform does not know the algorithm. */
export async function generateCryptoKey(
  subtle: SubtleCrypto,
  algorithm: KeyAlgorithm,
  extractable: boolean,
): Promise<KeyPair<CryptoKey>> {
  const pair = await generatePair(subtle, algorithm, extractable);
  return { publicKey: await exportPublicKey(subtle, pair.publicKey), secret: pair.privateKey };
}

/** As {@link generateCryptoKey}, with the public half still as CryptoKey. */
export async function generatePair(
  subtle: SubtleCrypto,
  algorithm: KeyAlgorithm,
  extractable: boolean,
): Promise<CryptoKeyPair> {
  const { keys, generation, privateUsage, publicUsages } = webAlgorithms[algorithm];
  const usages = [privateUsage, ...publicUsages];
  return (await subtle.generateKey({ ...keys, ...generation }, extractable, usages)) as CryptoKeyPair;
}

/** The public key as plain data. */
export async function exportPublicKey(subtle: SubtleCrypto, key: CryptoKey): Promise<PublicKey> {
  return publicKeyFromJwk((await subtle.exportKey('jwk', key)) as Jwk);
}

/** A private key; rejects when the platform finds that it is none. */
export function importCryptoKey(
  subtle: SubtleCrypto,
  algorithm: KeyAlgorithm,
  publicKey: PublicKey,
  secrets: PrivateParameters,
  extractable: boolean,
): Promise<CryptoKey> {
  const { keys, privateUsage } = webAlgorithms[algorithm];
  return subtle.importKey('jwk', privateKeyToJwk(publicKey, secrets), keys, extractable, [privateUsage]);
}

/** The secret parameters of an extractable key. */
export async function exportCryptoKey(subtle: SubtleCrypto, key: CryptoKey): Promise<PrivateParameters> {
  return secretsFromJwk((await subtle.exportKey('jwk', key)) as Jwk);
}

/** Imports the public keys of one algorithm, each object once; rejects with `DECODE_KEY`. */
export function publicKeyImporter(subtle: SubtleCrypto, algorithm: KeyAlgorithm) {
  return importOnce((key) => importPublicKey(subtle, algorithm, key));
}

/** A public key for one use; rejects with `DECODE_KEY`. */
export async function importPublicKey(
  subtle: SubtleCrypto,
  algorithm: KeyAlgorithm,
  key: PublicKey,
): Promise<CryptoKey> {
  const { keys, publicUsages } = webAlgorithms[algorithm];
  try {
    return await subtle.importKey('jwk', publicKeyToJwk(key), keys, true, [...publicUsages]);
  } catch (cause) {
    throw invalidKey(cause);
  }
}

/** Whether `key` is a private key that does what `algorithm` needs. */
export function isPrivateKeyFor(algorithm: KeyAlgorithm, key: CryptoKey): boolean {
  const { keys, privateUsage } = webAlgorithms[algorithm];
  const found = key.algorithm as { name: string; namedCurve?: string; hash?: { name: string } };
  return (
    key.type === 'private' &&
    key.usages.includes(privateUsage) &&
    found.name === keys.name &&
    found.namedCurve === keys.namedCurve &&
    found.hash?.name === keys.hash
  );
}
