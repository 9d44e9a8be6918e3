import type { ECDH, KeyObject } from 'node:crypto';
import type { PublicKey } from '../cose/key.js';
import type { Backend } from './backend.js';
import {
  exportSecret,
  generateEcdh,
  generateKeyObject,
  importPublicKey,
  importSecret,
  type NativeSecret,
  type Node,
} from './native-keys.js';
import type { SignatureName } from './provider.js';
import { checkShape, encodePoint, importOnce, invalidKey } from './public-keys.js';
import { orNull, plain } from './results.js';

type NativeBackend = Backend<NativeSecret>;

const HASH = 'sha256';
const SALT_BYTES = 32;

/** Private keys: made, imported, exported. */
export function nativeKeys(node: Node) {
  return {
    generateKey: (algorithm, extractable) =>
      algorithm === 'P-256' ? generateEcdh(node) : generateKeyObject(node, algorithm, extractable),
    importSecret: (algorithm, publicKey, secrets) => importSecret(node, algorithm, publicKey, secrets),
    exportSecret: (_algorithm, secret) => exportSecret(node, secret),
  } satisfies Partial<NativeBackend>;
}

/** Signatures: Ed25519 (RFC 8032), ECDSA with raw r ‖ s (FIPS 186-5), RSASSA-PSS (RFC 8017 §8.1). */
export function nativeSignatures(node: Node) {
  const publicKeyObject = importOnce((key) => importPublicKey(node, key));
  const padding = node.constants.RSA_PKCS1_PSS_PADDING;
  // A KeyObject that comes inside an object costs 18 µs more on Node 24: only where there are options.
  const schemes = {
    Ed25519: { hash: null, input: (key: KeyObject) => key },
    ESP256: { hash: HASH, input: (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' as const }) },
    PS256: { hash: HASH, input: (key: KeyObject) => ({ key, padding, saltLength: SALT_BYTES }) },
  } satisfies Record<SignatureName, object>;
  return {
    sign(algorithm, secret, data) {
      const { hash, input } = schemes[algorithm];
      return plain(node.sign(hash, data, input(keyObject(node, secret))));
    },
    verify(algorithm, publicKey, data, signature) {
      const { hash, input } = schemes[algorithm];
      return node.verify(hash, data, input(publicKeyObject(publicKey)), signature);
    },
  } satisfies Partial<NativeBackend>;
}

/** Key agreement: X25519 (RFC 7748), ECDH on P-256 (SP 800-56A §5.7.1.2). */
export function nativeAgreements(node: Node) {
  const x25519KeyObject = importOnce((key) => importPublicKey(node, key));

  const x25519 = (privateKey: KeyObject, publicKey: KeyObject) =>
    orNull(() => plain(node.diffieHellman({ privateKey, publicKey })));
  const p256 = (ecdh: ECDH, publicKey: PublicKey) =>
    publicKey.kty === 'EC2' ? orNull(() => plain(ecdh.computeSecret(encodePoint(publicKey)))) : null;

  return {
    agreeEphemeral(algorithm, publicKey) {
      if (algorithm === 'P-256') {
        checkShape(publicKey);
        const { publicKey: ephemeralKey, secret } = generateEcdh(node);
        const sharedSecret = p256(secret, publicKey);
        return sharedSecret && { ephemeralKey, sharedSecret };
      }
      const peer = x25519KeyObject(publicKey);
      const { publicKey: ephemeralKey, secret } = generateKeyObject(node, 'X25519', false);
      const sharedSecret = x25519(secret, peer);
      return sharedSecret && { ephemeralKey, sharedSecret };
    },
    agree(_algorithm, secret, ephemeralKey) {
      if (!(secret instanceof node.KeyObject)) return p256(secret, ephemeralKey);
      // The sender's key is used once: it does not enter the cache.
      const peer = orNull(() => importPublicKey(node, ephemeralKey));
      return peer && x25519(secret, peer);
    },
  } satisfies Partial<NativeBackend>;
}

/** RSAES-OAEP with SHA-256 (RFC 8017 §7.1). */
export function nativeOaep(node: Node) {
  const publicKeyObject = importOnce((key) => importPublicKey(node, key));
  const options = { oaepHash: HASH, padding: node.constants.RSA_PKCS1_OAEP_PADDING };
  return {
    rsaOaepEncrypt: (publicKey, plaintext) =>
      plain(node.publicEncrypt({ key: publicKeyObject(publicKey), ...options }, plaintext)),
    rsaOaepDecrypt: (secret, ciphertext) =>
      orNull(() => plain(node.privateDecrypt({ key: keyObject(node, secret), ...options }, ciphertext))),
  } satisfies Partial<NativeBackend>;
}

function keyObject(node: Node, secret: NativeSecret): KeyObject {
  if (!(secret instanceof node.KeyObject)) throw invalidKey();
  return secret;
}
