import type { Backend } from './backend.js';
import { unavailable } from './backend.js';
import { nobleBackend } from './noble.js';
import type { NobleSecret } from './noble-curves.js';
import type { KeyAlgorithm, SignatureName } from './provider.js';
import {
  exportCryptoKey,
  exportPublicKey,
  generateCryptoKey,
  generatePair,
  importCryptoKey,
  importPublicKey,
  publicKeyImporter,
} from './webcrypto-keys.js';

/** A key of the platform, or one in plain JavaScript where the platform does not know the curve. */
export type WebSecret = CryptoKey | NobleSecret;

type WebBackend = Backend<WebSecret>;
type Bytes = Uint8Array<ArrayBuffer>;

/** Answers whether the platform itself knows an algorithm. */
export type PlatformKnows = (algorithm: KeyAlgorithm) => Promise<boolean>;

const SECRET_BITS = 256;

/** The operation's parameters: ECDSA answers raw r ‖ s, RSASSA-PSS has a salt as long as its hash. */
const SIGNATURE: Readonly<Record<SignatureName, { name: string; hash?: string; saltLength?: number }>> = {
  Ed25519: { name: 'Ed25519' },
  ESP256: { name: 'ECDSA', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', saltLength: 32 },
};

/**
 * Finds out, once per curve, whether the platform knows Ed25519 and X25519: they are younger than Web Crypto. The other
 * algorithms were there from the start.
 */
export function platformProbe(subtle: SubtleCrypto): PlatformKnows {
  const found = new Map<KeyAlgorithm, Promise<boolean>>();
  return async (algorithm) => {
    if (algorithm !== 'Ed25519' && algorithm !== 'X25519') return true;
    const known = found.get(algorithm) ?? succeeds(generatePair(subtle, algorithm, false));
    found.set(algorithm, known);
    return known;
  };
}

/** Private keys: made, imported, exported. */
export function webKeys(subtle: SubtleCrypto, platformKnows: PlatformKnows) {
  return {
    async generateKey(algorithm, extractable) {
      if (await platformKnows(algorithm)) return generateCryptoKey(subtle, algorithm, extractable);
      expectExtractable(algorithm, extractable);
      return nobleBackend.generateKey(algorithm);
    },
    async importSecret(algorithm, publicKey, secrets, extractable) {
      if (await platformKnows(algorithm)) return importCryptoKey(subtle, algorithm, publicKey, secrets, extractable);
      expectExtractable(algorithm, extractable);
      return nobleBackend.importSecret(algorithm, publicKey, secrets);
    },
    exportSecret: (algorithm, secret) =>
      isNoble(secret) ? nobleBackend.exportSecret(algorithm, secret) : exportCryptoKey(subtle, secret),
  } satisfies Partial<WebBackend>;
}

/** Signatures: Ed25519 (RFC 8032), ECDSA (FIPS 186-5), RSASSA-PSS (RFC 8017 §8.1). */
export function webSignatures(subtle: SubtleCrypto, platformKnows: PlatformKnows) {
  const importers = {
    Ed25519: publicKeyImporter(subtle, 'Ed25519'),
    ESP256: publicKeyImporter(subtle, 'ESP256'),
    PS256: publicKeyImporter(subtle, 'PS256'),
  };
  return {
    async sign(algorithm, secret, data) {
      if (isNoble(secret)) return nobleBackend.sign(algorithm, secret, data);
      return new Uint8Array(await subtle.sign(SIGNATURE[algorithm], secret, data as Bytes));
    },
    async verify(algorithm, publicKey, data, signature) {
      if (!(await platformKnows(algorithm))) return nobleBackend.verify(algorithm, publicKey, data, signature);
      const key = await importers[algorithm](publicKey);
      return subtle.verify(SIGNATURE[algorithm], key, signature as Bytes, data as Bytes);
    },
  } satisfies Partial<WebBackend>;
}

/** Key agreement: X25519 (RFC 7748), ECDH on P-256 (SP 800-56A §5.7.1.2). */
export function webAgreements(subtle: SubtleCrypto, platformKnows: PlatformKnows) {
  const importers = { X25519: publicKeyImporter(subtle, 'X25519'), 'P-256': publicKeyImporter(subtle, 'P-256') };

  /** Rejects for a low-order point: RFC 7748 §6.1, and Web Crypto asks for it. */
  const derive = async (privateKey: CryptoKey, publicKey: CryptoKey) => {
    const algorithm = { name: privateKey.algorithm.name, public: publicKey };
    return new Uint8Array(await subtle.deriveBits(algorithm, privateKey, SECRET_BITS));
  };

  return {
    async agreeEphemeral(algorithm, publicKey) {
      if (!(await platformKnows(algorithm))) return nobleBackend.agreeEphemeral(algorithm, publicKey);
      const [peer, pair] = await Promise.all([importers[algorithm](publicKey), generatePair(subtle, algorithm, false)]);
      const [ephemeralKey, sharedSecret] = await Promise.all([
        exportPublicKey(subtle, pair.publicKey),
        orNull(derive(pair.privateKey, peer)),
      ]);
      return sharedSecret && { ephemeralKey, sharedSecret };
    },
    async agree(algorithm, secret, ephemeralKey) {
      if (isNoble(secret)) return nobleBackend.agree(algorithm, secret, ephemeralKey);
      const peer = await orNull(importPublicKey(subtle, algorithm, ephemeralKey));
      return peer && orNull(derive(secret, peer));
    },
  } satisfies Partial<WebBackend>;
}

/** RSAES-OAEP with SHA-256 (RFC 8017 §7.1). */
export function webOaep(subtle: SubtleCrypto) {
  const name = 'RSA-OAEP';
  const importKey = publicKeyImporter(subtle, 'RSA-OAEP-256');
  return {
    async rsaOaepEncrypt(publicKey, plaintext) {
      return new Uint8Array(await subtle.encrypt({ name }, await importKey(publicKey), plaintext as Bytes));
    },
    async rsaOaepDecrypt(secret, ciphertext) {
      if (isNoble(secret)) return null;
      const plaintext = await orNull(subtle.decrypt({ name }, secret, ciphertext as Bytes));
      return plaintext && new Uint8Array(plaintext);
    },
  } satisfies Partial<WebBackend>;
}

/** In plain JavaScript nothing is out of reach: better another suite than a promise that is not kept. */
function expectExtractable(algorithm: KeyAlgorithm, extractable: boolean): void {
  if (!extractable) throw unavailable(`a non-extractable key for ${algorithm}`);
}

function isNoble(secret: WebSecret): secret is NobleSecret {
  return secret instanceof Uint8Array;
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function orNull<T>(work: Promise<T>): Promise<T | null> {
  return work.catch(() => null);
}
