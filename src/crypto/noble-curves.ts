import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { equal } from '../bytes/bytes.js';
import { encodePublicKey, type PublicKey } from '../cose/key.js';
import type { KeyPair } from './backend.js';
import { platformRandom } from './platform-random.js';
import { decodePoint, encodePoint, importOnce, invalidKey } from './public-keys.js';

/** The secret scalar or seed, 32 bytes. */
export type NobleSecret = Uint8Array;

interface Curve {
  generate(): KeyPair<NobleSecret>;
  publicKeyOf(secret: NobleSecret): PublicKey;
}

interface SigningCurve extends Curve {
  sign(secret: NobleSecret, data: Uint8Array): Uint8Array;
  verify(publicKey: PublicKey, data: Uint8Array, signature: Uint8Array): boolean;
}

interface AgreementCurve extends Curve {
  /** Throws when the point is not on the curve or the shared secret is zero. */
  agree(secret: NobleSecret, publicKey: PublicKey): Uint8Array;
}

const SECRET_BYTES = 32;
/** FIPS 186-5 §A.2.1: 128 bits more than the order has, so that the reduction leaves no bias. */
const P256_SEED_BYTES = 48;
/** By the letter of RFC 8032 rather than ZIP 215, as other libraries verify. */
const STRICT = { zip215: false };
/** The data is hashed here, and either s is valid: only some other communities forbid the upper half. */
const ECDSA = { prehash: true, lowS: false };

const edPoint = importOnce((key) => okpBytes(key));
const p256Point = importOnce((key) => {
  const point = p256Bytes(key);
  p256.Point.fromBytes(point).assertValidity();
  return point;
});

const edCurve: SigningCurve = {
  ...curve(
    () => platformRandom(SECRET_BYTES),
    (secret) => ({ kty: 'OKP', crv: 'Ed25519', x: ed25519.getPublicKey(secret) }),
  ),
  sign: (secret, data) => ed25519.sign(data, secret),
  verify: (publicKey, data, signature) => ed25519.verify(signature, data, edPoint(publicKey), STRICT),
};

const x25519Curve: AgreementCurve = {
  ...curve(
    () => platformRandom(SECRET_BYTES),
    (secret) => ({ kty: 'OKP', crv: 'X25519', x: x25519.getPublicKey(secret) }),
  ),
  agree: (secret, publicKey) => x25519.getSharedSecret(secret, okpBytes(publicKey)),
};

const p256Curve: SigningCurve & AgreementCurve = {
  ...curve(
    () => p256.utils.randomSecretKey(platformRandom(P256_SEED_BYTES)),
    (secret) => decodePoint(p256.getPublicKey(secret, false)),
  ),
  sign: (secret, data) => p256.sign(data, secret, ECDSA),
  verify: (publicKey, data, signature) => p256.verify(signature, data, p256Point(publicKey), ECDSA),
  // The shared point in compressed form is a sign and the x coordinate, which is the secret.
  agree: (secret, publicKey) => p256.getSharedSecret(secret, p256Bytes(publicKey)).slice(1),
};

/** The curves to sign on. */
export const signingCurves = { Ed25519: edCurve, ESP256: p256Curve } as const;

/** The curves to agree on a key on. */
export const agreementCurves = { X25519: x25519Curve, 'P-256': p256Curve } as const;

/** The secret when it belongs to `publicKey`; throws otherwise. */
export function importSecret(curve: Curve, publicKey: PublicKey, secret: NobleSecret): NobleSecret {
  if (!equal(encodePublicKey(curve.publicKeyOf(secret)), encodePublicKey(publicKey))) throw invalidKey();
  return secret.slice();
}

function curve(makeSecret: () => NobleSecret, publicKeyOf: (secret: NobleSecret) => PublicKey): Curve {
  return {
    generate() {
      const secret = makeSecret();
      return { publicKey: publicKeyOf(secret), secret };
    },
    publicKeyOf,
  };
}

function okpBytes(key: PublicKey): Uint8Array {
  if (key.kty !== 'OKP') throw invalidKey();
  return key.x;
}

function p256Bytes(key: PublicKey): Uint8Array {
  if (key.kty !== 'EC2') throw invalidKey();
  return encodePoint(key);
}
