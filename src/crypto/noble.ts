import { aeskw, gcm } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { type Backend, createProvider, unavailable } from './backend.js';
import { agreementCurves, importSecret, type NobleSecret, signingCurves } from './noble-curves.js';
import { platformRandom } from './platform-random.js';
import type { HeldKeys } from './private-keys.js';
import type { CryptoProvider, KeyAlgorithm } from './provider.js';
import { orNull } from './results.js';

export type { NobleSecret } from './noble-curves.js';

/** Symmetric primitives in plain JavaScript: faster than Web Crypto where little data is worked on. */
export const nobleSymmetric = {
  sha256: (data) => sha256(data),
  sha512: (data) => sha512(data),
  hkdf: (hash, ikm, salt, info, length) => hkdf(hash === 'SHA-256' ? sha256 : sha512, ikm, salt, info, length),
  aesGcmEncrypt: (key, iv, aad, plaintext) => gcm(key, iv, aad).encrypt(plaintext),
  aesGcmDecrypt: (key, iv, aad, ciphertext) => orNull(() => gcm(key, iv, aad).decrypt(ciphertext)),
  aesKwWrap: (kek, key) => aeskw(kek).encrypt(key),
  aesKwUnwrap: (kek, wrapped) => orNull(() => aeskw(kek).decrypt(wrapped)),
} satisfies Partial<Backend<NobleSecret>>;

/** Everything below {@link nobleProvider}, for a backend that leans on it where its platform has gaps. */
export const nobleBackend = {
  name: 'noble',
  supports: (algorithm) => algorithm in curves,
  randomBytes: platformRandom,
  ...nobleSymmetric,
  generateKey: (algorithm) => curveOf(algorithm).generate(),
  importSecret: (algorithm, publicKey, secrets) => importSecret(curveOf(algorithm), publicKey, secrets.d),
  exportSecret: (_algorithm, secret) => ({ d: secret.slice() }),
  sign: (algorithm, secret, data) => (algorithm === 'PS256' ? noRsa() : signingCurves[algorithm].sign(secret, data)),
  verify: (algorithm, publicKey, data, signature) =>
    algorithm === 'PS256' ? noRsa() : signingCurves[algorithm].verify(publicKey, data, signature),
  agreeEphemeral(algorithm, publicKey) {
    const { publicKey: ephemeralKey, secret } = agreementCurves[algorithm].generate();
    const sharedSecret = orNull(() => agreementCurves[algorithm].agree(secret, publicKey));
    return sharedSecret && { ephemeralKey, sharedSecret };
  },
  agree: (algorithm, secret, ephemeralKey) => orNull(() => agreementCurves[algorithm].agree(secret, ephemeralKey)),
  rsaOaepEncrypt: noRsa,
  rsaOaepDecrypt: noRsa,
} satisfies Backend<NobleSecret>;

const curves = { ...signingCurves, ...agreementCurves };
const keys: HeldKeys<NobleSecret> = new WeakMap();
let provider: CryptoProvider | undefined;

/**
 * The backend in plain JavaScript, over @noble/curves, @noble/hashes and @noble/ciphers: for React Native, pages without
 * `crypto.subtle` and old browsers. It is synchronous, slower by an order of magnitude, and has no RSA.
 */
export function nobleProvider(): CryptoProvider {
  provider ??= createProvider<NobleSecret>(nobleBackend, keys);
  return provider;
}

function curveOf(algorithm: KeyAlgorithm) {
  return algorithm === 'PS256' || algorithm === 'RSA-OAEP-256' ? noRsa() : curves[algorithm];
}

function noRsa(): never {
  throw unavailable('RSA');
}
