import { concat, utf8 } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Awaitable, after, type Steps, step } from '../../crypto/steps.js';
import { decodeSFrameHeader, encodeSFrameHeader, halves } from './sframe-header.js';
import type { SFrameSuite } from './sframe-suites.js';

/** What one base key and KID become (RFC 9605 §4.4.2). */
export interface FrameKey {
  readonly suite: SFrameSuite;
  readonly kid: bigint;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

const NO_SALT = new Uint8Array(0);
const KEY_LABEL = utf8('SFrame 1.0 Secret key ');
const SALT_LABEL = utf8('SFrame 1.0 Secret salt ');
const RATCHET_LABEL = utf8('SFrame 1.0 Ratchet');

/** Key and salt for frames under `kid` (RFC 9605 §4.4.2). `baseKey` has at least the entropy of the suite's keys. */
export function* deriveFrameKey(
  provider: CryptoProvider,
  suite: SFrameSuite,
  baseKey: Uint8Array,
  kid: bigint,
): Steps<FrameKey> {
  const context = new Uint8Array(10);
  const view = new DataView(context.buffer);
  view.setBigUint64(0, kid);
  view.setUint16(8, suite.id);
  const expand = (label: Uint8Array, length: number) =>
    step(provider.hkdf(suite.hash, baseKey, NO_SALT, concat(label, context), length));
  return {
    ...{ suite, kid },
    key: yield* expand(KEY_LABEL, suite.keyBytes),
    salt: yield* expand(SALT_LABEL, suite.nonceBytes),
  };
}

/** The base key of the next ratchet step (RFC 9605 §5.1): nobody finds the way back. */
export function* ratchetBaseKey(provider: CryptoProvider, suite: SFrameSuite, baseKey: Uint8Array): Steps<Uint8Array> {
  return yield* step(provider.hkdf(suite.hash, baseKey, NO_SALT, RATCHET_LABEL, suite.hashBytes));
}

/**
 * Encrypts one frame (RFC 9605 §4.4.3).
 *
 * @param ctr - never used before with this key
 * @param metadata - authenticated, not sent
 * @param plaintext - as one array, or in parts
 * @param allocate - a place for a frame of so many bytes
 * @returns header, ciphertext and tag
 */
export function sealFrame(
  provider: CryptoProvider,
  frameKey: FrameKey,
  ctr: bigint,
  metadata: Uint8Array,
  plaintext: Uint8Array | readonly Uint8Array[],
  allocate: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes),
): Steps<Uint8Array> {
  const { key, salt, kid, suite } = frameKey;
  const header = encodeSFrameHeader({ kid, ctr });
  const parts = plaintext instanceof Uint8Array ? [plaintext] : plaintext;
  let length = header.length + suite.tagBytes;
  for (const part of parts) length += part.length;
  const frame = allocate(length);
  frame.set(header);
  const aad = concat(header, metadata);
  const sealed = provider.aesGcmEncryptInto(frame.subarray(header.length), key, nonce(salt, ctr), aad, parts);
  return step(after(sealed, () => frame));
}

/** The plaintext of a frame (RFC 9605 §4.4.4), or `null` when it does not decrypt. @throws `DECODE_COSE` */
export function openFrame(
  provider: CryptoProvider,
  frameKey: FrameKey,
  metadata: Uint8Array,
  frame: Uint8Array,
): Steps<Uint8Array | null> {
  return step(decryptFrame(provider, frameKey, decodeSFrameHeader(frame), metadata, frame));
}

/** {@link openFrame} of a frame whose header was read, as one step. */
export function decryptFrame(
  provider: CryptoProvider,
  frameKey: FrameKey,
  { ctr, length }: ReturnType<typeof decodeSFrameHeader>,
  metadata: Uint8Array,
  frame: Uint8Array,
): Awaitable<Uint8Array | null> {
  const aad = concat(frame.subarray(0, length), metadata);
  const iv = nonce(frameKey.salt, ctr);
  return provider.aesGcmDecrypt(frameKey.key, iv, aad, frame.subarray(length));
}

/** The salt XOR the counter as a big-endian number. */
export function nonce(salt: Uint8Array, ctr: bigint): Uint8Array {
  const bytes = salt.slice();
  const { high, low } = halves(ctr);
  for (let i = 1; i <= 8; i++)
    (bytes[bytes.length - i] as number) ^= i <= 4 ? low >>> (8 * (i - 1)) : high >>> (8 * (i - 5));
  return bytes;
}
