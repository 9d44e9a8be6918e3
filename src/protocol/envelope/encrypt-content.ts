import { equal } from '../../bytes/bytes.js';
import { encodeBriefly } from '../../bytes/cbor.js';
import { encodeRecipients, prepareEncrypt } from '../../cose/encrypt.js';
import type { PublicKey } from '../../cose/key.js';
import { Header } from '../../cose/labels.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { all, run, type Steps, step } from '../../crypto/steps.js';
import { type KeyManagementAlgorithm, keyManagementAlgorithms, type WrappedKey } from '../../crypto/suites.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { MAX_RECIPIENTS } from './claims.js';
import { CEK_BYTES, contentAad, IV_BYTES, OUTER_HEADER_BYTES, TAG_BYTES } from './profile.js';
import type { Family } from './topics.js';

/** What is encrypted, in parts that stand one behind the other. */
export type Plaintext = readonly Uint8Array[];

/** What is encrypted, and to whom. */
export interface Content extends Sealing {
  /** Sealing keys of the devices that may read: 1 to 256, all different. */
  readonly recipients: readonly PublicKey[];
  /** The plaintext, made once the recipients are encoded: a signature in it may cover their hash. */
  readonly plaintext: (recipientsHash: Uint8Array) => Steps<Plaintext>;
}

/** With what a message is encrypted, and for where. */
export interface Sealing {
  readonly family: Family;
  /** The address that the topic names; `null` where the same bytes go to several. */
  readonly audience: string | null;
  /** A fresh content encryption key of 32 bytes, overwritten afterwards, and a fresh nonce of 12. */
  readonly cek: Uint8Array;
  readonly iv: Uint8Array;
}

/** A content encryption key, wrapped. */
export interface Recipients {
  /** The encoded recipients array; a view into shared memory, not to be kept. */
  readonly bytes: Uint8Array;
  /** Its SHA-256, 32 bytes. */
  readonly hash: Uint8Array;
}

/**
 * The outer layer of everything that is sealed: {@link wrapToAll}, then {@link encryptTo}.
 *
 * @returns the encoded COSE_Encrypt
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT`, `USAGE_TOO_MANY_RECIPIENTS`, `DECODE_KEY`
 */
export function* encryptContent(provider: CryptoProvider, content: Content): Steps<Uint8Array> {
  const recipients = yield* wrapToAll(provider, content.recipients, content.cek);
  return yield* encryptTo(provider, recipients, content, yield* content.plaintext(recipients.hash));
}

/** Wraps a content encryption key to each of `keys`. @throws {@link SealMQError} as {@link encryptContent} */
export function* wrapToAll(provider: CryptoProvider, keys: readonly PublicKey[], cek: Uint8Array): Steps<Recipients> {
  const devices = keys.map((key) => ({ key, algorithm: keyManagementFor(key) }));
  const wrapped = yield* all(devices.map((device) => run(wrapSteps(provider, device, cek))));
  assertDistinct(wrapped);
  const bytes = encodeRecipients(wrapped, encodeBriefly);
  return { bytes, hash: yield* step(provider.sha256(bytes)) };
}

/** Encrypts `plaintext`, whose key has been wrapped; answers the encoded COSE_Encrypt. */
export function* encryptTo(
  provider: CryptoProvider,
  recipients: Recipients,
  { family, audience, cek, iv }: Sealing,
  plaintext: Plaintext,
): Steps<Uint8Array> {
  const aad = contentAad(OUTER_HEADER_BYTES, family, audience);
  const headers = { protectedBytes: OUTER_HEADER_BYTES, unprotectedHeader: new Map([[Header.iv, iv]]) };
  const length = plaintext.reduce((sum, part) => sum + part.length, TAG_BYTES);
  const { bytes, ciphertext } = prepareEncrypt({ ...headers, recipientsBytes: recipients.bytes }, length);
  yield* step(provider.aesGcmEncryptInto(ciphertext, cek, iv, aad, plaintext));
  cek.fill(0);
  return bytes;
}

/** A fresh content encryption key and nonce. */
export function freshKey(provider: CryptoProvider): Pick<Content, 'cek' | 'iv'> {
  const random = provider.randomBytes(CEK_BYTES + IV_BYTES);
  return { cek: random.subarray(0, CEK_BYTES), iv: random.subarray(CEK_BYTES) };
}

/** @throws `USAGE_TOO_MANY_RECIPIENTS` */
export function assertRecipients(count: number): void {
  if (count >= 1 && count <= MAX_RECIPIENTS) return;
  throw new SealMQError('USAGE_TOO_MANY_RECIPIENTS', `a message has 1 to ${MAX_RECIPIENTS} recipients, not ${count}`);
}

interface Device {
  readonly key: PublicKey;
  readonly algorithm: KeyManagementAlgorithm;
}

/** Looked up for all devices before anything is started, so that no rejection is left unattended. */
function keyManagementFor(key: PublicKey): KeyManagementAlgorithm {
  const algorithm = keyManagementAlgorithms.find((row) => row.matches(key));
  if (!algorithm) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not a key to seal to');
  return algorithm;
}

/** Wraps the content encryption key to one device. */
function* wrapSteps(provider: CryptoProvider, { key, algorithm }: Device, cek: Uint8Array): Steps<WrappedKey> {
  return yield* algorithm.wrap(provider, key, yield* keyThumbprint(provider, key), cek);
}

function assertDistinct(recipients: readonly WrappedKey[]): void {
  if (recipients.length === 1) return;
  const kids = recipients.map(({ unprotectedHeader }) => unprotectedHeader.get(Header.kid) as Uint8Array);
  if (kids.some((kid, i) => kids.findIndex((other) => equal(kid, other)) !== i)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the same device twice among the recipients');
  }
}
