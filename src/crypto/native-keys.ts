import type * as NodeCrypto from 'node:crypto';
import type { ECDH, KeyObject } from 'node:crypto';
import { equal } from '../bytes/bytes.js';
import type { PrivateParameters, PublicKey } from '../cose/key.js';
import type { KeyPair } from './backend.js';
import { type Jwk, privateKeyToJwk, publicKeyFromJwk, publicKeyToJwk, secretsFromJwk } from './jwk.js';
import type { KeyAlgorithm } from './provider.js';
import { decodePoint, encodePoint, invalidKey } from './public-keys.js';

/** The module `node:crypto`, without an import of it. */
export type Node = typeof NodeCrypto;

/** KeyObjects, but for ECDH on P-256: there Node's older class spares the costly import of each sender's key. */
export type NativeSecret = KeyObject | ECDH;

const CURVE = 'prime256v1';
const SCALAR_BYTES = 32;
const RSA_OPTIONS = { modulusLength: 3072, publicExponent: 65537 };

/** Node's name of the key type, and the options of the call that makes a key whose private half is or is not encoded. */
const KEY_TYPE = {
  Ed25519: keyType('ed25519'),
  X25519: keyType('x25519'),
  ESP256: keyType('ec', { namedCurve: CURVE }),
  PS256: keyType('rsa', RSA_OPTIONS),
  'RSA-OAEP-256': keyType('rsa', RSA_OPTIONS),
} satisfies Record<Exclude<KeyAlgorithm, 'P-256'>, object>;

function keyType(type: string, options: object = {}) {
  const publicKeyEncoding = { format: 'jwk' };
  const held = { ...options, publicKeyEncoding };
  return { type, held, extractable: { ...held, privateKeyEncoding: publicKeyEncoding } };
}

/** The overload of generateKeyPairSync with JWK encodings, which the type declarations leave out. */
type GenerateJwk = (type: string, options: object) => { publicKey: Jwk; privateKey: Jwk | KeyObject };

/** A fresh key pair of any algorithm but ECDH on P-256, see {@link generateEcdh}. */
export function generateKeyObject(
  node: Node,
  algorithm: keyof typeof KEY_TYPE,
  extractable: boolean,
): KeyPair<KeyObject> {
  // On Node 20 `export()` of a KeyObject that generateKeyPairSync answered can wait for ever: the export holds the key's
  // lock, garbage collection runs the destructor of the job that made the key, and that waits for the lock. So both
  // halves are encoded by the generating call itself (the fastest way, too), and a private KeyObject of its making is
  // kept only where it will never be exported.
  const keyType = KEY_TYPE[algorithm];
  const options = extractable ? keyType.extractable : keyType.held;
  const pair = (node.generateKeyPairSync as unknown as GenerateJwk)(keyType.type, options);
  const secret = extractable
    ? node.createPrivateKey({ key: pair.privateKey as Jwk, format: 'jwk' })
    : (pair.privateKey as KeyObject);
  return { publicKey: publicKeyFromJwk(pair.publicKey), secret };
}

/** A fresh key pair for ECDH on P-256. */
export function generateEcdh(node: Node): KeyPair<ECDH> {
  const secret = node.createECDH(CURVE);
  return { publicKey: decodePoint(secret.generateKeys()), secret };
}

/** A private key whose scalar belongs to `publicKey`; throws otherwise. */
export function importSecret(
  node: Node,
  algorithm: KeyAlgorithm,
  publicKey: PublicKey,
  secrets: PrivateParameters,
): NativeSecret {
  if (publicKey.kty === 'EC2') {
    const ecdh = node.createECDH(CURVE);
    ecdh.setPrivateKey(secrets.d);
    if (!equal(ecdh.getPublicKey(), encodePoint(publicKey))) throw invalidKey();
    if (algorithm === 'P-256') return ecdh;
  }
  const secret = node.createPrivateKey({ key: privateKeyToJwk(publicKey, secrets), format: 'jwk' });
  if (publicKey.kty === 'OKP') {
    const derived = publicKeyFromJwk(toJwk(node.createPublicKey(secret)));
    if (derived.kty !== 'OKP' || !equal(derived.x, publicKey.x)) throw invalidKey();
  }
  return secret;
}

/** The secret parameters of a key that was imported, or generated as extractable. */
export function exportSecret(node: Node, secret: NativeSecret): PrivateParameters {
  if (secret instanceof node.KeyObject) return secretsFromJwk(toJwk(secret));
  // Node leaves leading zeros out.
  const scalar = secret.getPrivateKey();
  const d = new Uint8Array(SCALAR_BYTES);
  d.set(scalar, SCALAR_BYTES - scalar.length);
  return { d };
}

/** A public key as KeyObject. From JWK: Node 20 takes 4 µs for that and 65 µs for DER. Throws when it is invalid. */
export function importPublicKey(node: Node, key: PublicKey): KeyObject {
  return node.createPublicKey({ key: publicKeyToJwk(key), format: 'jwk' });
}

function toJwk(key: KeyObject): Jwk {
  return key.export({ format: 'jwk' }) as Jwk;
}
