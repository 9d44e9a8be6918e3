import { concat } from '../bytes/bytes.js';
import { encodePrivateKey, type PrivateParameters, type PublicKey } from '../cose/key.js';
import { SealMQError } from '../errors.js';
import { type AgreementName, agreementOf, isKeyFor, isSignatureName, signatureLength } from './key-algorithms.js';
import { type HeldKeys, heldKey, holdKey, readPrivateKey } from './private-keys.js';
import type {
  CryptoProvider,
  EphemeralAgreement,
  HashName,
  KeyAlgorithm,
  PrivateKey,
  SignatureName,
} from './provider.js';
import { invalidKey } from './public-keys.js';
import { type Awaitable, after, run, step } from './steps.js';

/** A key pair as a backend makes it. */
export interface KeyPair<Secret> {
  readonly publicKey: PublicKey;
  readonly secret: Secret;
}

/**
 * What a backend brings: the bare primitives over its own form of secret keys. {@link createProvider} has checked every
 * argument before it comes here, so that all backends refuse the same things with the same errors.
 */
export interface Backend<Secret>
  extends Pick<
    CryptoProvider,
    | 'name'
    | 'supports'
    | 'randomBytes'
    | 'sha256'
    | 'sha512'
    | 'hkdf'
    | 'aesGcmEncrypt'
    | 'aesGcmDecrypt'
    | 'aesKwWrap'
    | 'aesKwUnwrap'
    | 'verify'
    | 'rsaOaepEncrypt'
  > {
  /** Where it saves a copy; made of `aesGcmEncrypt` where it is absent. */
  aesGcmEncryptInto?: CryptoProvider['aesGcmEncryptInto'];
  generateKey(algorithm: KeyAlgorithm, extractable: boolean): Awaitable<KeyPair<Secret>>;
  /** Throws anything when the parameters are no key pair. */
  importSecret(
    algorithm: KeyAlgorithm,
    publicKey: PublicKey,
    secrets: PrivateParameters,
    extractable: boolean,
  ): Awaitable<Secret>;
  exportSecret(algorithm: KeyAlgorithm, secret: Secret): Awaitable<PrivateParameters>;
  sign(algorithm: SignatureName, secret: Secret, data: Uint8Array): Awaitable<Uint8Array>;
  /** `null` when the two keys have no shared secret. */
  agreeEphemeral(algorithm: AgreementName, publicKey: PublicKey): Awaitable<EphemeralAgreement | null>;
  /** `null` when the point is invalid or the two keys have no shared secret. */
  agree(algorithm: AgreementName, secret: Secret, ephemeralKey: PublicKey): Awaitable<Uint8Array | null>;
  rsaOaepDecrypt(secret: Secret, ciphertext: Uint8Array): Awaitable<Uint8Array | null>;
}

const NO_BYTES = new Uint8Array(0);
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_KEY_BYTES = 40;
const AES_128_KEY_BYTES = 16;
/** RFC 5869 §2.3: at most 255 blocks. */
const HKDF_MAX_BLOCKS = 255;
/** Two hashes of 32 bytes and two bytes: what OAEP takes of the modulus (RFC 8017 §7.1.1). */
const OAEP_OVERHEAD_BYTES = 66;

/**
 * The provider over a backend: checks arguments, keeps secrets behind opaque handles, translates to and from COSE_Keys.
 *
 * @param keys - the backend's table of secrets; handles of one table are known to every provider over it
 */
export function createProvider<Secret>(backend: Backend<Secret>, keys: HeldKeys<Secret>): CryptoProvider {
  return {
    name: backend.name,
    supports: (algorithm) => backend.supports(algorithm),
    ...symmetric(backend),
    ...keyStorage(backend, keys),
    ...signatures(backend, keys),
    ...agreements(backend, keys),
    ...oaep(backend, keys),
  };
}

const HASH_BYTES: Readonly<Record<HashName, number>> = { 'SHA-256': 32, 'SHA-512': 64 };

/** Length of a hash in bytes. @throws `USAGE_INVALID_ARGUMENT` for a name that is none of ours */
export function hashBytes(hash: HashName): number {
  const bytes = HASH_BYTES[hash];
  if (bytes === undefined) throw badArgument('hash of HKDF');
  return bytes;
}

/** A `USAGE_SUITE_UNAVAILABLE` error. */
export function unavailable(what: string, cause?: unknown): SealMQError {
  return new SealMQError('USAGE_SUITE_UNAVAILABLE', `${what} is not available here`, cause);
}

function symmetric<Secret>(backend: Backend<Secret>) {
  return {
    randomBytes(size) {
      if (!Number.isSafeInteger(size) || size < 0) throw badArgument('size is not a number of bytes');
      return backend.randomBytes(size);
    },
    sha256: (data) => backend.sha256(data),
    sha512: (data) => backend.sha512(data),
    hkdf(hash, ikm, salt, info, length) {
      const longest = HKDF_MAX_BLOCKS * hashBytes(hash);
      if (!Number.isSafeInteger(length) || length < 1 || length > longest) throw badArgument('length of HKDF');
      return backend.hkdf(hash, ikm, salt, info, length);
    },
    aesGcmEncrypt(key, iv, aad, plaintext) {
      if (key.length !== AES_128_KEY_BYTES) expectLength(key, KEY_BYTES);
      expectLength(iv, IV_BYTES);
      return backend.aesGcmEncrypt(key, iv, aad, plaintext);
    },
    aesGcmEncryptInto(target, key, iv, aad, parts) {
      if (key.length !== AES_128_KEY_BYTES) expectLength(key, KEY_BYTES);
      expectLength(iv, IV_BYTES);
      expectLength(
        target,
        parts.reduce((sum, { length }) => sum + length, TAG_BYTES),
      );
      if (backend.aesGcmEncryptInto) return backend.aesGcmEncryptInto(target, key, iv, aad, parts);
      const [first = NO_BYTES, ...rest] = parts;
      const plaintext = rest.length === 0 ? first : concat(...parts);
      return after(backend.aesGcmEncrypt(key, iv, aad, plaintext), (ciphertext) => target.set(ciphertext));
    },
    aesGcmDecrypt(key, iv, aad, ciphertext) {
      if (key.length !== AES_128_KEY_BYTES) expectLength(key, KEY_BYTES);
      expectLength(iv, IV_BYTES);
      return ciphertext.length < TAG_BYTES ? null : backend.aesGcmDecrypt(key, iv, aad, ciphertext);
    },
    aesKwWrap(kek, key) {
      expectLength(kek, KEY_BYTES);
      expectLength(key, KEY_BYTES);
      return backend.aesKwWrap(kek, key);
    },
    aesKwUnwrap(kek, wrapped) {
      expectLength(kek, KEY_BYTES);
      return wrapped.length === WRAPPED_KEY_BYTES ? backend.aesKwUnwrap(kek, wrapped) : null;
    },
  } satisfies Partial<CryptoProvider>;
}

function keyStorage<Secret>(backend: Backend<Secret>, keys: HeldKeys<Secret>) {
  function* generate(algorithm: KeyAlgorithm, extractable: boolean) {
    const { publicKey, secret } = yield* step(backend.generateKey(algorithm, extractable));
    return holdKey(keys, algorithm, publicKey, { secret, extractable });
  }

  function* importKey(algorithm: KeyAlgorithm, coseKey: Uint8Array, extractable: boolean) {
    const { publicKey, secrets } = readPrivateKey(algorithm, coseKey);
    try {
      const secret = yield* step(backend.importSecret(algorithm, publicKey, secrets, extractable));
      return holdKey(keys, algorithm, publicKey, { secret, extractable });
    } catch (cause) {
      throw cause instanceof SealMQError ? cause : invalidKey(cause);
    }
  }

  function* exportKey(key: PrivateKey) {
    const { secret, extractable } = heldKey(keys, key);
    if (!extractable) throw new SealMQError('USAGE_KEY_NOT_EXTRACTABLE', 'the key was made non-extractable');
    return encodePrivateKey(key.publicKey, yield* step(backend.exportSecret(key.algorithm, secret)));
  }

  return {
    generateKey(algorithm, extractable = true) {
      expectSupport(backend, algorithm);
      return run(generate(algorithm, extractable));
    },
    importPrivateKey(algorithm, coseKey, extractable = true) {
      expectSupport(backend, algorithm);
      return run(importKey(algorithm, coseKey, extractable));
    },
    exportPrivateKey: (key) => run(exportKey(key)),
  } satisfies Partial<CryptoProvider>;
}

function signatures<Secret>(backend: Backend<Secret>, keys: HeldKeys<Secret>) {
  return {
    sign(key, data) {
      const { secret } = heldKey(keys, key);
      if (!isSignatureName(key.algorithm)) throw badArgument('not a signing key');
      return backend.sign(key.algorithm, secret, data);
    },
    verify(algorithm, key, data, signature) {
      expectSupport(backend, algorithm);
      if (!isKeyFor(algorithm, key)) throw invalidKey();
      return signature.length === signatureLength(key) && backend.verify(algorithm, key, data, signature);
    },
  } satisfies Partial<CryptoProvider>;
}

/** A modulus that no RSA key can have (an even one) shows only here. */
function* encryptOaep<Secret>(backend: Backend<Secret>, publicKey: PublicKey, plaintext: Uint8Array) {
  try {
    return yield* step(backend.rsaOaepEncrypt(publicKey, plaintext));
  } catch (cause) {
    throw invalidKey(cause);
  }
}

function agreements<Secret>(backend: Backend<Secret>, keys: HeldKeys<Secret>) {
  return {
    agreeEphemeral(publicKey) {
      const algorithm = agreementOf(publicKey);
      if (algorithm === null) throw invalidKey();
      expectSupport(backend, algorithm);
      return after(backend.agreeEphemeral(algorithm, publicKey), (agreement) => {
        if (agreement === null || isZero(agreement.sharedSecret)) throw invalidKey();
        return agreement;
      });
    },
    agree(key, ephemeralKey) {
      const { secret } = heldKey(keys, key);
      const algorithm = agreementOf(key.publicKey);
      if (algorithm === null || algorithm !== key.algorithm) throw badArgument('not a key agreement key');
      if (!isKeyFor(algorithm, ephemeralKey)) return null;
      return after(backend.agree(algorithm, secret, ephemeralKey), (shared) =>
        shared === null || isZero(shared) ? null : shared,
      );
    },
  } satisfies Partial<CryptoProvider>;
}

function oaep<Secret>(backend: Backend<Secret>, keys: HeldKeys<Secret>) {
  return {
    rsaOaepEncrypt(publicKey, plaintext) {
      expectSupport(backend, 'RSA-OAEP-256');
      if (publicKey.kty !== 'RSA') throw invalidKey();
      if (plaintext.length > publicKey.n.length - OAEP_OVERHEAD_BYTES) throw badArgument('too long for the RSA key');
      return run(encryptOaep(backend, publicKey, plaintext));
    },
    rsaOaepDecrypt(key, ciphertext) {
      expectSupport(backend, 'RSA-OAEP-256');
      const { secret } = heldKey(keys, key);
      const { publicKey } = key;
      if (key.algorithm !== 'RSA-OAEP-256' || publicKey.kty !== 'RSA') throw badArgument('not an RSA-OAEP key');
      return ciphertext.length === publicKey.n.length ? backend.rsaOaepDecrypt(secret, ciphertext) : null;
    },
  } satisfies Partial<CryptoProvider>;
}

/** RFC 7748 §6.1: an all-zero secret means a low-order point. Libraries refuse it too; this does not rely on them. */
function isZero(secret: Uint8Array): boolean {
  let bits = 0;
  for (const byte of secret) bits |= byte;
  return bits === 0;
}

function expectSupport<Secret>(backend: Backend<Secret>, algorithm: KeyAlgorithm): void {
  if (!backend.supports(algorithm)) throw unavailable(algorithm);
}

function expectLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw badArgument(`expected ${length} bytes`);
}

function badArgument(reason: string): SealMQError {
  return new SealMQError('USAGE_INVALID_ARGUMENT', reason);
}
