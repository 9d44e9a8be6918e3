import type { PublicKey } from '../cose/key.js';
import { SealMQError } from '../errors.js';
import { type Backend, createProvider, unavailable } from './backend.js';
import { isKeyFor } from './key-algorithms.js';
import { nobleSymmetric } from './noble.js';
import { platformRandom } from './platform-random.js';
import { type HeldKeys, holdKey } from './private-keys.js';
import type { CryptoProvider, KeyAlgorithm, PrivateKey } from './provider.js';
import {
  platformProbe,
  type WebSecret,
  webAgreements,
  webKeys,
  webOaep,
  webSignatures,
} from './webcrypto-asymmetric.js';
import { isPrivateKeyFor } from './webcrypto-keys.js';
import { AES_GCM, platformKeys } from './webcrypto-secrets.js';

type WebBackend = Backend<WebSecret>;
type Bytes = Uint8Array<ArrayBuffer>;

/** A call into Web Crypto costs as much as AES or SHA-256 in plain JavaScript over some 4 KiB. */
const DEFAULT_SUBTLE_FROM = 4096;

const keys: HeldKeys<WebSecret> = new WeakMap();

/** Settings of {@link webcryptoProvider}. */
export interface WebcryptoOptions {
  /** From how many bytes on AES-GCM and SHA-256 are the platform's rather than plain JavaScript; default 4,096. */
  readonly subtleFrom?: number;
}

/**
 * The backend over `crypto.subtle`, for browsers. Private keys are CryptoKeys, non-extractable ones out of reach of any
 * script. HKDF, AES-KW and short AES-GCM run in plain JavaScript, where they are faster; so do Ed25519 and X25519 where
 * the platform does not know them yet, but then a non-extractable key cannot be had (`USAGE_SUITE_UNAVAILABLE`: choose
 * the suite `P256-ESP256`).
 *
 * @throws {@link SealMQError} `USAGE_SUITE_UNAVAILABLE` without `crypto.subtle` (pages over plain http have none)
 */
export function webcryptoProvider(options: WebcryptoOptions = {}): CryptoProvider {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) throw unavailable('crypto.subtle');
  return createProvider(webBackend(subtle, options.subtleFrom ?? DEFAULT_SUBTLE_FROM), keys);
}

/**
 * The CryptoKey behind a private key of {@link webcryptoProvider}, to be stored in IndexedDB; `undefined` when it is not
 * the platform's.
 */
export function privateKeyToCryptoKey(key: PrivateKey): CryptoKey | undefined {
  const secret = keys.get(key)?.secret;
  return secret instanceof Uint8Array ? undefined : secret;
}

/**
 * The private key for a CryptoKey that {@link privateKeyToCryptoKey} gave away.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` when the keys are not for `algorithm`
 */
export function privateKeyFromCryptoKey(
  algorithm: KeyAlgorithm,
  publicKey: PublicKey,
  cryptoKey: CryptoKey,
): PrivateKey {
  if (!isKeyFor(algorithm, publicKey) || !isPrivateKeyFor(algorithm, cryptoKey)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `not a private key for ${algorithm}`);
  }
  return holdKey(keys, algorithm, publicKey, { secret: cryptoKey, extractable: cryptoKey.extractable });
}

function webBackend(subtle: SubtleCrypto, subtleFrom: number): WebBackend {
  const platformKnows = platformProbe(subtle);
  return {
    name: 'webcrypto',
    supports: () => true,
    randomBytes: platformRandom,
    ...nobleSymmetric,
    ...longData(subtle, subtleFrom),
    ...webKeys(subtle, platformKnows),
    ...webSignatures(subtle, platformKnows),
    ...webAgreements(subtle, platformKnows),
    ...webOaep(subtle),
  };
}

/** AES-GCM and SHA-256, by the platform from `subtleFrom` bytes on. */
function longData(subtle: SubtleCrypto, subtleFrom: number) {
  const platformKey = platformKeys(subtle, subtleFrom);
  const parameters = (iv: Uint8Array, aad: Uint8Array) => ({
    name: AES_GCM,
    iv: iv as Bytes,
    additionalData: aad as Bytes,
  });

  async function encrypt(key: Promise<CryptoKey>, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) {
    return new Uint8Array(await subtle.encrypt(parameters(iv, aad), await key, plaintext as Bytes));
  }

  async function decrypt(key: Promise<CryptoKey>, iv: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array) {
    const plaintext = subtle.decrypt(parameters(iv, aad), await key, ciphertext as Bytes);
    return plaintext.then((bytes) => new Uint8Array(bytes)).catch(() => null);
  }

  const digest = async (data: Uint8Array) => new Uint8Array(await subtle.digest('SHA-256', data as Bytes));

  return {
    sha256: (data) => (data.length < subtleFrom ? nobleSymmetric.sha256(data) : digest(data)),
    aesGcmEncrypt(key, iv, aad, plaintext) {
      const imported = platformKey(key, plaintext.length);
      return imported ? encrypt(imported, iv, aad, plaintext) : nobleSymmetric.aesGcmEncrypt(key, iv, aad, plaintext);
    },
    aesGcmDecrypt(key, iv, aad, ciphertext) {
      const imported = platformKey(key, ciphertext.length);
      return imported ? decrypt(imported, iv, aad, ciphertext) : nobleSymmetric.aesGcmDecrypt(key, iv, aad, ciphertext);
    },
  } satisfies Partial<WebBackend>;
}
