import { equal } from '../../bytes/bytes.js';
import { CborReader } from '../../bytes/cbor.js';
import { Header } from '../../cose/labels.js';
import { type Sign1, toSign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { KID_BYTES } from '../../crypto/suites.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { contentAad, type ProfiledMessage } from './profile.js';
import type { Family } from './topics.js';

/** Who decrypts, and what the topic said. */
export interface ContentContext {
  readonly keys: readonly PrivateKey[];
  readonly family: Family;
  /** Tried in this order. */
  readonly audiences: readonly (string | null)[];
}

/** Decrypted bytes, and under which audience. */
export interface Decrypted {
  readonly bytes: Uint8Array;
  readonly audience: string | null;
}

/** The inner layer of what is sealed; `null` when nothing opens it, which says neither why nor by which key. */
export function* decryptContent(
  provider: CryptoProvider,
  profiled: ProfiledMessage,
  { keys, family, audiences }: ContentContext,
): Steps<Decrypted | 'not-for-me' | null> {
  const ceks = yield* unwrap(provider, profiled, keys);
  if (ceks === 'not-for-me') return ceks;
  const { message, iv } = profiled;
  // The first that opens of all keys, audience by audience: the result does not hang on the order of my keys.
  for (const audience of audiences) {
    const aad = contentAad(message.protectedBytes, family, audience);
    for (const cek of ceks) {
      const bytes = yield* step(provider.aesGcmDecrypt(cek, iv, aad, message.ciphertext));
      if (bytes) return { bytes, audience };
    }
  }
  return null;
}

/** The content encryption keys that recipients with the `kid` of one of my keys unwrap to: one, unless the sender plays tricks. */
function* unwrap(
  provider: CryptoProvider,
  { recipients }: ProfiledMessage,
  keys: readonly PrivateKey[],
): Steps<readonly Uint8Array[] | 'not-for-me'> {
  let named = false;
  const ceks: Uint8Array[] = [];
  for (const key of keys) {
    const thumbprint = yield* keyThumbprint(provider, key.publicKey);
    for (const { recipient, kid, algorithm } of recipients) {
      if (algorithm?.name !== key.algorithm || !equal(kid, thumbprint.subarray(0, KID_BYTES))) continue;
      named = true;
      const cek = yield* algorithm.unwrap(provider, key, thumbprint, recipient);
      if (cek) ceks.push(cek);
    }
  }
  return named ? ceks : 'not-for-me';
}

/** The COSE_Sign1 that a plaintext begins with, and where it ends. */
export interface SignedStart {
  readonly sign1: Sign1;
  /** The signing key that it names: 32 bytes, if it is one of ours. */
  readonly kid: Uint8Array;
  readonly payload: Uint8Array;
  readonly end: number;
}

/** Reads the Sign1 in front, without verifying it. @throws `DECODE_CBOR`, `DECODE_COSE` */
export function readSignedStart(plaintext: Uint8Array): SignedStart {
  const reader = new CborReader(plaintext);
  const sign1 = toSign1(reader.item());
  const kid = sign1.protectedHeader.get(Header.kid);
  if (!(kid instanceof Uint8Array) || sign1.payload === null) throw new SealMQError('DECODE_COSE', 'signed part');
  return { sign1, kid, payload: sign1.payload, end: reader.offset };
}

/** Refuses anything but zero bytes from `offset` on: padding. @throws `DECODE_COSE` */
export function assertPadded(bytes: Uint8Array, offset: number): void {
  for (let i = offset; i < bytes.length; i++) {
    if (bytes[i] !== 0) throw new SealMQError('DECODE_COSE', 'padding is not zero');
  }
}
