import { createHash } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { concat } from '../../src/bytes/bytes.js';
import { decodePrivateKey, encodePrivateKey, type PublicKey } from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider, KeyManagementName, PrivateKey } from '../../src/crypto/provider.js';
import { decodePoint } from '../../src/crypto/public-keys.js';
import { atOnce } from '../../src/crypto/steps.js';
import { oaepEncrypt, pssSign } from './fixed-rsa.js';

/** What was seen while a key was wrapped. */
export interface WrapTrace {
  ephemeralPrivateKey?: Uint8Array;
  ephemeralKey?: PublicKey;
  sharedSecret?: Uint8Array;
  kdfContext?: Uint8Array;
  keyEncryptionKey?: Uint8Array;
  oaepSeed?: Uint8Array;
  wrappedKey?: Uint8Array;
}

/** What was seen while a message was sealed, or something signed. */
export interface Trace {
  readonly wraps: WrapTrace[];
  sigStructure?: Uint8Array;
  signature?: Uint8Array;
  pssSalt?: Uint8Array;
  encryption?: {
    readonly key: Uint8Array;
    readonly iv: Uint8Array;
    readonly aad: Uint8Array;
    readonly plaintext: Uint8Array;
    readonly ciphertext: Uint8Array;
  };
}

/** An endless stream of bytes that looks random and depends on `label` only: SHA-256(label ‖ 0), SHA-256(label ‖ 1), … */
export function fixedStream(label: string): (size: number) => Uint8Array {
  let held = new Uint8Array(0);
  let counter = 0;
  return (size) => {
    while (held.length < size) {
      const block = createHash('sha256').update(`sealmq/1 test vectors/${label}/${counter++}`).digest();
      held = concat(held, block) as Uint8Array<ArrayBuffer>;
    }
    const bytes = held.slice(0, size);
    held = held.slice(size);
    return bytes;
  };
}

/**
 * The native backend with everything random replaced by {@link fixedStream}, and a trace of what passes through.
 * It exists for test vectors; real messages need real randomness.
 */
export function fixedProvider(label: string): { provider: CryptoProvider; trace: Trace } {
  const native = nativeProvider();
  const random = fixedStream(label);
  const trace: Trace = { wraps: [] };
  const provider: CryptoProvider = {
    ...native,
    name: 'fixed',
    randomBytes: random,
    ...wrapping(native, random, trace),
    sign(key, data) {
      trace.sigStructure = data;
      if (key.algorithm === 'PS256') trace.pssSalt = random(32);
      trace.signature = signFixed(native, key, data, trace.pssSalt);
      return trace.signature;
    },
    aesGcmEncryptInto(target, key, iv, aad, parts) {
      atOnce(native.aesGcmEncryptInto(target, key, iv, aad, parts));
      trace.encryption = {
        key: key.slice(),
        iv: iv.slice(),
        aad,
        plaintext: concat(...parts),
        ciphertext: target.slice(),
      };
    },
  };
  return { provider, trace };
}

/** The operations that wrap a key to one recipient after the other. */
function wrapping(native: CryptoProvider, random: (size: number) => Uint8Array, { wraps }: Trace) {
  return {
    agreeEphemeral(publicKey) {
      const { algorithm, coseKey, ephemeralKey } = fixedPair(publicKey, random(32));
      const key = atOnce(native.importPrivateKey(algorithm, coseKey));
      const sharedSecret = atOnce(native.agree(key, publicKey)) ?? new Uint8Array(0);
      wraps.push({ ephemeralPrivateKey: coseKey, ephemeralKey, sharedSecret });
      return { ephemeralKey, sharedSecret };
    },
    hkdf(hash, ikm, salt, info, length) {
      const okm = atOnce(native.hkdf(hash, ikm, salt, info, length));
      Object.assign(wraps.at(-1) ?? {}, { kdfContext: info, keyEncryptionKey: okm });
      return okm;
    },
    aesKwWrap(kek, key) {
      const wrappedKey = atOnce(native.aesKwWrap(kek, key));
      Object.assign(wraps.at(-1) ?? {}, { wrappedKey });
      return wrappedKey;
    },
    rsaOaepEncrypt(publicKey, plaintext) {
      if (publicKey.kty !== 'RSA') throw new TypeError('not an RSA key');
      const oaepSeed = random(32);
      const wrappedKey = oaepEncrypt(publicKey, plaintext, oaepSeed);
      wraps.push({ oaepSeed, wrappedKey });
      return wrappedKey;
    },
  } satisfies Partial<CryptoProvider>;
}

/** Ed25519 (RFC 8032) and ECDSA after RFC 6979 need no randomness; PSS gets its salt from outside. */
function signFixed(native: CryptoProvider, key: PrivateKey, data: Uint8Array, salt?: Uint8Array): Uint8Array {
  if (key.algorithm === 'Ed25519') return atOnce(native.sign(key, data));
  const coseKey = atOnce(native.exportPrivateKey(key));
  if (salt) return pssSign(coseKey, data, salt);
  return p256.sign(data, decodePrivateKey(coseKey).secrets.d, { prehash: true, lowS: true });
}

/** The key pair of a given scalar on the curve of `publicKey`. */
function fixedPair(publicKey: PublicKey, d: Uint8Array) {
  const algorithm: KeyManagementName = publicKey.kty === 'EC2' ? 'P-256' : 'X25519';
  const ephemeralKey: PublicKey =
    algorithm === 'P-256'
      ? decodePoint(p256.getPublicKey(d, false))
      : { kty: 'OKP', crv: 'X25519', x: x25519.getPublicKey(d) };
  return { algorithm, ephemeralKey, coseKey: encodePrivateKey(ephemeralKey, { d }) };
}

/** 32 bytes that depend on `label` only. */
export function fixedBytes(label: string, size = 32): Uint8Array {
  return fixedStream(label)(size);
}
