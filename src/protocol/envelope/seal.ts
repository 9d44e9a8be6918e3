import { concat, equal } from '../../bytes/bytes.js';
import { isCounter } from '../../bytes/fields.js';
import { encodeEncrypt, encodeRecipients } from '../../cose/encrypt.js';
import type { PublicKey } from '../../cose/key.js';
import { Header } from '../../cose/labels.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { all, atOnce, run, type Steps, step } from '../../crypto/steps.js';
import { type KeyManagementAlgorithm, keyManagementAlgorithms, type WrappedKey } from '../../crypto/suites.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { sign } from '../signed.js';
import { type Claims, encodeClaims, MAX_RECIPIENTS, MESSAGE_ID_BYTES } from './claims.js';
import { paddedLength } from './padding.js';
import {
  CEK_BYTES,
  contentAad,
  IV_BYTES,
  KID_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_SEALED_BYTES,
  OUTER_HEADER_BYTES,
} from './profile.js';
import type { Family } from './topics.js';

/** Least padded length of the signed part in bytes, where nothing else is set. */
export const DEFAULT_PADDING = 256;

/** A message to be sealed: its claims, and how. */
export interface Draft extends Omit<Claims, 'id'> {
  readonly payload: Uint8Array;
  /** 16 bytes; random where absent. */
  readonly id?: Uint8Array;
  /** Default `message`. */
  readonly family?: Family;
  /** Least padded length of the signed part in bytes (Padmé above it), or `false` for none; default 256. */
  readonly padding?: number | false;
  /** Largest payload in bytes; default 1 MiB. */
  readonly maxPayloadBytes?: number;
}

/** Who signs, and which devices may read. */
export interface SealKeys {
  /** The sender device's signing key. */
  readonly signKey: PrivateKey;
  /** Sealing keys of the receiver's devices: 1 to 256, all different. Only devices of `audience`. */
  readonly recipients: readonly PublicKey[];
}

/**
 * Seals a message: a random AES-256 key encrypts it, is wrapped to each recipient, and the sender's signature lies
 * inside, over the receiver, the purpose and the exact set of readers (`docs/wire-format.md`).
 *
 * @returns the encoded COSE_Encrypt
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE`, `USAGE_TOO_MANY_RECIPIENTS`,
 *   `USAGE_SUITE_UNAVAILABLE`, `DECODE_KEY` for a recipient's key that is not on its curve
 */
export async function seal(provider: CryptoProvider, draft: Draft, keys: SealKeys): Promise<Uint8Array> {
  return run(sealSteps(provider, draft, keys));
}

/** {@link seal} at once, on a synchronous backend. @throws `USAGE_SYNC_UNAVAILABLE` on the others */
export function sealSync(provider: CryptoProvider, draft: Draft, keys: SealKeys): Uint8Array {
  return atOnce(run(sealSteps(provider, draft, keys)));
}

function* sealSteps(provider: CryptoProvider, draft: Draft, keys: SealKeys): Steps<Uint8Array> {
  const { family = 'message', padding = DEFAULT_PADDING } = draft;
  assertSize(draft, keys.recipients.length);
  assertPadding(padding);

  const random = provider.randomBytes(CEK_BYTES + IV_BYTES + MESSAGE_ID_BYTES);
  const cek = random.subarray(0, CEK_BYTES);
  const iv = random.subarray(CEK_BYTES, CEK_BYTES + IV_BYTES);
  const id = draft.id ?? random.slice(CEK_BYTES + IV_BYTES);

  const devices = keys.recipients.map((key) => ({ key, algorithm: keyManagementFor(key) }));
  const wrapped = yield* all(devices.map((device) => run(wrapSteps(provider, device, cek))));
  assertDistinct(wrapped);
  const recipientsBytes = encodeRecipients(wrapped);

  const signed = yield* sign(provider, keys.signKey, {
    purpose: 'message',
    bound: [family, yield* step(provider.sha256(recipientsBytes))],
    header: encodeClaims(Object.assign({}, draft, { id })),
    payload: draft.payload,
  });

  const outerAudience = typeof draft.audience === 'string' ? draft.audience : null;
  const aad = contentAad(OUTER_HEADER_BYTES, family, outerAudience);
  const plaintext = padding === false ? signed : pad(signed, paddedLength(signed.length, padding));
  const ciphertext = yield* step(provider.aesGcmEncrypt(cek, iv, aad, plaintext));
  cek.fill(0);
  return encodeEncrypt({
    protectedBytes: OUTER_HEADER_BYTES,
    unprotectedHeader: new Map([[Header.iv, iv]]),
    ciphertext,
    recipientsBytes,
  });
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
  const thumbprint = yield* keyThumbprint(provider, key);
  const wrapped = yield* algorithm.wrap(provider, key, thumbprint, cek);
  const kid = thumbprint.subarray(0, KID_BYTES);
  return { ...wrapped, unprotectedHeader: new Map([...wrapped.unprotectedHeader, [Header.kid, kid]]) };
}

function assertSize({ payload, maxPayloadBytes = MAX_PAYLOAD_BYTES }: Draft, recipients: number): void {
  if (!(payload instanceof Uint8Array)) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the payload is not bytes');
  if (payload.length > maxPayloadBytes) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `payload of ${payload.length} bytes; at most ${maxPayloadBytes}`);
  }
  if (recipients < 1 || recipients > MAX_RECIPIENTS) {
    throw new SealMQError(
      'USAGE_TOO_MANY_RECIPIENTS',
      `a message has 1 to ${MAX_RECIPIENTS} recipients, not ${recipients}`,
    );
  }
}

function assertPadding(padding: number | false): void {
  if (padding === false || (isCounter(padding) && padding <= MAX_SEALED_BYTES)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `padding is false or a length of 0 to ${MAX_SEALED_BYTES} bytes`);
}

function assertDistinct(recipients: readonly WrappedKey[]): void {
  const kids = recipients.map(({ unprotectedHeader }) => unprotectedHeader.get(Header.kid) as Uint8Array);
  if (kids.some((kid, i) => kids.findIndex((other) => equal(kid, other)) !== i)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the same device twice among the recipients');
  }
}

/** Zero bytes behind the Sign1: each is a CBOR data item of its own, so the whole stays a CBOR sequence (RFC 8742). */
function pad(signed: Uint8Array, length: number): Uint8Array {
  return concat(signed, new Uint8Array(length - signed.length));
}
