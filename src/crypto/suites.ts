import { equal } from '../bytes/bytes.js';
import { type CborValue, encodeBriefly } from '../bytes/cbor.js';
import type { Recipient } from '../cose/encrypt.js';
import { encodeProtected } from '../cose/header.js';
import { kdfContext } from '../cose/kdf-context.js';
import { MAX_RSA_BYTES, MIN_RSA_BYTES, type PublicKey, publicKeyMap, readPublicKey } from '../cose/key.js';
import { Algorithm, Header } from '../cose/labels.js';
import { lowS } from './low-s.js';
import type { CryptoProvider, KeyManagementName, PrivateKey, SignatureName } from './provider.js';
import { type Steps, step } from './steps.js';

/** Everything that the profile needs to know about one signature algorithm. */
export interface SignatureAlgorithm {
  readonly name: SignatureName;
  /** COSE `alg`. */
  readonly alg: number;
  matches(key: PublicKey): boolean;
  /**
   * The one form of a signature that the profile knows. A stranger who could turn a valid signature into another valid one
   * would change the hash of a signed record, and so forge evidence of two records of one version.
   */
  canonical(signature: Uint8Array): Uint8Array;
}

/** The parts of a COSE recipient that carry the wrapped content encryption key. */
export type WrappedKey = Pick<Recipient, 'protectedHeader' | 'unprotectedHeader' | 'ciphertext'>;

/** Everything that the profile needs to know about one way to wrap a content encryption key to a device. */
export interface KeyManagementAlgorithm {
  readonly name: KeyManagementName;
  /** COSE `alg`. */
  readonly alg: number;
  matches(key: PublicKey): boolean;
  /** Whether a recipient has this algorithm's form: headers, ephemeral key and sizes. @throws `DECODE_KEY` */
  accepts(recipient: Recipient): boolean;
  /** Wraps `cek` (32 bytes) to `key`, whose RFC 9679 thumbprint is handed in. */
  wrap(provider: CryptoProvider, key: PublicKey, keyThumbprint: Uint8Array, cek: Uint8Array): Steps<WrappedKey>;
  /** The content encryption key, or `null` when this recipient was not made for `key`. */
  unwrap(
    provider: CryptoProvider,
    key: PrivateKey,
    keyThumbprint: Uint8Array,
    recipient: Recipient,
  ): Steps<Uint8Array | null>;
}

/** Length in bytes of a recipient's `kid`: the beginning of the thumbprint of the device's sealing key. A hint only. */
export const KID_BYTES = 8;

function kidOf(keyThumbprint: Uint8Array): Uint8Array {
  return keyThumbprint.subarray(0, KID_BYTES);
}

const NO_SALT = new Uint8Array(0);
const KEY_BYTES = 32;
const WRAPPED_KEY_BYTES = 40;

/** SuppPubInfo.other: CBOR `["sealmq/1", recipient's thumbprint, ephemeral x, ephemeral y or null]`. */
function bound(keyThumbprint: Uint8Array, ephemeral: PublicKey): Uint8Array {
  const { x, y = null } = ephemeral as { x: Uint8Array; y?: Uint8Array };
  return encodeBriefly(['sealmq/1', keyThumbprint, x, y]);
}

/** ECDH-ES + A256KW (RFC 9053 §6.4.1): one fresh ephemeral key per recipient and message. */
function ecdhEsA256kw(name: KeyManagementName, matches: (key: PublicKey) => boolean): KeyManagementAlgorithm {
  const alg = Algorithm['ECDH-ES+A256KW'];
  const protectedHeader = new Map([[Header.alg, alg]]);
  const protectedBytes = encodeProtected(protectedHeader);

  function* keyEncryptionKey(
    provider: CryptoProvider,
    keyThumbprint: Uint8Array,
    ephemeral: PublicKey,
    secret: Uint8Array,
  ) {
    // COSE alone does not bind the ephemeral key: X25519 ignores a bit of it, and on P-256 ±y give the same secret.
    const info = kdfContext(protectedBytes, bound(keyThumbprint, ephemeral));
    return yield* step(provider.hkdf('SHA-256', secret, NO_SALT, info, KEY_BYTES));
  }

  return {
    name,
    alg,
    matches,
    accepts({ protectedBytes: bytes, unprotectedHeader, ciphertext }) {
      return (
        equal(bytes, protectedBytes) &&
        ciphertext.length === WRAPPED_KEY_BYTES &&
        matches(readPublicKey(unprotectedHeader.get(Header.ephemeralKey)))
      );
    },
    *wrap(provider, key, keyThumbprint, cek) {
      const { ephemeralKey, sharedSecret } = yield* step(provider.agreeEphemeral(key));
      const kek = yield* keyEncryptionKey(provider, keyThumbprint, ephemeralKey, sharedSecret);
      return {
        protectedHeader,
        unprotectedHeader: new Map<number, CborValue>([
          [Header.kid, kidOf(keyThumbprint)],
          [Header.ephemeralKey, publicKeyMap(ephemeralKey)],
        ]),
        ciphertext: yield* step(provider.aesKwWrap(kek, cek)),
      };
    },
    *unwrap(provider, key, keyThumbprint, recipient) {
      const ephemeralKey = readPublicKey(recipient.unprotectedHeader.get(Header.ephemeralKey));
      const secret = yield* step(provider.agree(key, ephemeralKey));
      if (secret === null) return null;
      const kek = yield* keyEncryptionKey(provider, keyThumbprint, ephemeralKey, secret);
      return yield* step(provider.aesKwUnwrap(kek, recipient.ciphertext));
    },
  };
}

/** RSAES-OAEP with SHA-256 (RFC 8230 §3): the recipient has no protected header. */
const rsaesOaep256: KeyManagementAlgorithm = {
  name: 'RSA-OAEP-256',
  alg: Algorithm['RSAES-OAEP-256'],
  matches: (key) => key.kty === 'RSA',
  accepts: ({ protectedBytes, ciphertext }) =>
    protectedBytes.length === 0 && ciphertext.length >= MIN_RSA_BYTES && ciphertext.length <= MAX_RSA_BYTES,
  *wrap(provider, key, keyThumbprint, cek) {
    return {
      protectedHeader: new Map(),
      unprotectedHeader: new Map<number, CborValue>([
        [Header.alg, Algorithm['RSAES-OAEP-256']],
        [Header.kid, kidOf(keyThumbprint)],
      ]),
      ciphertext: yield* step(provider.rsaOaepEncrypt(key, cek)),
    };
  },
  *unwrap(provider, key, _keyThumbprint, recipient) {
    const cek = yield* step(provider.rsaOaepDecrypt(key, recipient.ciphertext));
    return cek?.length === KEY_BYTES ? cek : null;
  },
};

/** RFC 8032 §5.1.7 and RFC 8017 §8.1.2 admit one form only, and the backends check it. */
function asItIs(signature: Uint8Array): Uint8Array {
  return signature;
}

/** The signature algorithms. A new one is a new row. */
export const signatureAlgorithms: readonly SignatureAlgorithm[] = [
  {
    name: 'Ed25519',
    alg: Algorithm.Ed25519,
    matches: (key) => key.kty === 'OKP' && key.crv === 'Ed25519',
    canonical: asItIs,
  },
  { name: 'ESP256', alg: Algorithm.ESP256, matches: (key) => key.kty === 'EC2', canonical: lowS },
  { name: 'PS256', alg: Algorithm.PS256, matches: (key) => key.kty === 'RSA', canonical: asItIs },
];

/** The ways to wrap a key. A new one is a new row (X-Wing and HPKE are reserved). */
export const keyManagementAlgorithms: readonly KeyManagementAlgorithm[] = [
  ecdhEsA256kw('X25519', (key) => key.kty === 'OKP' && key.crv === 'X25519'),
  ecdhEsA256kw('P-256', (key) => key.kty === 'EC2'),
  rsaesOaep256,
];

/** A suite: how a device signs and how keys are wrapped to it. Sender's and receiver's suites mix freely. */
export interface Suite {
  readonly name: SuiteName;
  readonly signature: SignatureName;
  readonly keyManagement: KeyManagementName;
}

export type SuiteName = 'X25519-Ed25519' | 'P256-ESP256' | 'RSA3072-PS256';

/** The suites, the default first. */
export const suites: readonly Suite[] = [
  { name: 'X25519-Ed25519', signature: 'Ed25519', keyManagement: 'X25519' },
  { name: 'P256-ESP256', signature: 'ESP256', keyManagement: 'P-256' },
  { name: 'RSA3072-PS256', signature: 'PS256', keyManagement: 'RSA-OAEP-256' },
];

export const DEFAULT_SUITE: SuiteName = 'X25519-Ed25519';
