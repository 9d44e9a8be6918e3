import type { PublicKey } from '../cose/key.js';
import type { Awaitable } from './steps.js';

/** The key algorithms of the profile: three to sign, three to receive a wrapped key. */
export type SignatureName = 'Ed25519' | 'ESP256' | 'PS256';
export type KeyManagementName = 'X25519' | 'P-256' | 'RSA-OAEP-256';
export type KeyAlgorithm = SignatureName | KeyManagementName;

/** The hashes that HKDF runs over: SHA-256 for the envelope, SHA-512 for frames of rooms. */
export type HashName = 'SHA-256' | 'SHA-512';

/**
 * A private key inside a backend: an opaque handle with its public half. It belongs to the provider that made or
 * imported it.
 */
export interface PrivateKey {
  readonly algorithm: KeyAlgorithm;
  readonly publicKey: PublicKey;
}

/** What {@link CryptoProvider.agreeEphemeral} answers. */
export interface EphemeralAgreement {
  readonly ephemeralKey: PublicKey;
  /** 32 bytes. */
  readonly sharedSecret: Uint8Array;
}

/**
 * The door to the primitives. An operation may answer at once or with a promise; nothing above this interface knows
 * which. Public keys are plain data: a backend imports each object once and keeps the result for as long as the object lives.
 *
 * Every operation throws `USAGE_SUITE_UNAVAILABLE` for an algorithm that {@link supports} denies, and `DECODE_KEY` for a
 * public key that is not valid for its algorithm (a point that is not on the curve).
 */
export interface CryptoProvider {
  /** For people and logs: `native`, `webcrypto`, `noble` or a name of your own. */
  readonly name: string;

  /** Whether keys of this algorithm work here. */
  supports(algorithm: KeyAlgorithm): boolean;

  /** `size` bytes from the platform's cryptographically secure generator. */
  randomBytes(size: number): Uint8Array;

  /** SHA-256 (FIPS 180-4): 32 bytes. */
  sha256(data: Uint8Array): Awaitable<Uint8Array>;

  /** SHA-512 (FIPS 180-4): 64 bytes. */
  sha512(data: Uint8Array): Awaitable<Uint8Array>;

  /** HKDF (RFC 5869) over `hash`; an empty `salt` is the default one. */
  hkdf(hash: HashName, ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Awaitable<Uint8Array>;

  /** AES-GCM (SP 800-38D): ciphertext with the 16-byte tag behind it. `key` 32 bytes (16 for AES-128), `iv` 12 bytes. */
  aesGcmEncrypt(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Awaitable<Uint8Array>;

  /**
   * {@link aesGcmEncrypt} of all `parts`, one after the other, written to `target`: for whoever has a place for the bytes,
   * and wants them copied once. `target` is as long as the parts and 16 bytes.
   */
  aesGcmEncryptInto(
    target: Uint8Array,
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    parts: readonly Uint8Array[],
  ): Awaitable<void>;

  /** The plaintext, or `null` when the tag does not fit (too short included). */
  aesGcmDecrypt(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Awaitable<Uint8Array | null>;

  /** AES-256 key wrap (RFC 3394) of a 32-byte key: 40 bytes. */
  aesKwWrap(kek: Uint8Array, key: Uint8Array): Awaitable<Uint8Array>;

  /** The unwrapped key, or `null` when the integrity check fails (wrong length included). */
  aesKwUnwrap(kek: Uint8Array, wrapped: Uint8Array): Awaitable<Uint8Array | null>;

  /**
   * A fresh key pair.
   *
   * @param extractable - default true; false makes {@link exportPrivateKey} throw `USAGE_KEY_NOT_EXTRACTABLE`, and lets
   *   the platform keep the key out of reach where it can (non-extractable CryptoKeys in browsers)
   */
  generateKey(algorithm: KeyAlgorithm, extractable?: boolean): Awaitable<PrivateKey>;

  /** A private key from its COSE_Key encoding (`encodePrivateKey` of `sealmq/cose`). @throws `DECODE_KEY` */
  importPrivateKey(algorithm: KeyAlgorithm, coseKey: Uint8Array, extractable?: boolean): Awaitable<PrivateKey>;

  /** The COSE_Key encoding with its secret parameters. @throws `USAGE_KEY_NOT_EXTRACTABLE` */
  exportPrivateKey(key: PrivateKey): Awaitable<Uint8Array>;

  /** A signature by a key of {@link SignatureName}: Ed25519 (RFC 8032), ECDSA P-256 SHA-256 as r ‖ s, RSASSA-PSS SHA-256 with a salt of 32 bytes. */
  sign(key: PrivateKey, data: Uint8Array): Awaitable<Uint8Array>;

  /** Whether `signature` is `key`'s over `data`; a signature of a wrong length is just false. */
  verify(algorithm: SignatureName, key: PublicKey, data: Uint8Array, signature: Uint8Array): Awaitable<boolean>;

  /**
   * ECDH (RFC 7748, or SP 800-56A on P-256) of a fresh key pair with `publicKey`; the ephemeral private key is forgotten.
   * @throws `DECODE_KEY` when the shared secret is all zero
   */
  agreeEphemeral(publicKey: PublicKey): Awaitable<EphemeralAgreement>;

  /** ECDH of my `key` with a sender's ephemeral key: 32 bytes, or `null` when the point is invalid or the secret all zero. */
  agree(key: PrivateKey, ephemeralKey: PublicKey): Awaitable<Uint8Array | null>;

  /** RSAES-OAEP with SHA-256 and an empty label (RFC 8017 §7.1). */
  rsaOaepEncrypt(publicKey: PublicKey, plaintext: Uint8Array): Awaitable<Uint8Array>;

  /** The plaintext, or `null` when it does not decrypt. */
  rsaOaepDecrypt(key: PrivateKey, ciphertext: Uint8Array): Awaitable<Uint8Array | null>;
}
