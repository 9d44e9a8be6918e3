import { encodeBriefly } from '../../bytes/cbor.js';
import { isCounter } from '../../bytes/fields.js';
import { giveBack } from '../../bytes/memory.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { atOnce, run, type Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { type SignatureDraft, sign } from '../signed.js';
import { type Claims, encodeClaims, MESSAGE_ID_BYTES } from './claims.js';
import { assertRecipients, encryptTo, wrapToAll } from './encrypt-content.js';
import { padded } from './padding.js';
import { CEK_BYTES, IV_BYTES, MAX_PAYLOAD_BYTES, MAX_SEALED_BYTES } from './profile.js';
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
  return sealedOf(await run(sealSigned(provider, draft, keys)));
}

/** {@link seal} at once, on a synchronous backend. @throws `USAGE_SYNC_UNAVAILABLE` on the others */
export function sealSync(provider: CryptoProvider, draft: Draft, keys: SealKeys): Uint8Array {
  return sealedOf(atOnce(run(sealSigned(provider, draft, keys))));
}

/** A sealed message, and the part of it that only its readers see. */
export interface SealedAndSigned {
  /** The encoded COSE_Encrypt. */
  readonly sealed: Uint8Array;
  /** The encoded COSE_Sign1 inside: what the hashes of a handshake are over. A view into shared memory, not to be kept. */
  readonly signed: Uint8Array;
}

function sealedOf({ sealed, signed }: SealedAndSigned): Uint8Array {
  giveBack(signed);
  return sealed;
}

/** {@link seal} as a program, which answers the signed part as well. */
export function* sealSigned(provider: CryptoProvider, draft: Draft, keys: SealKeys): Steps<SealedAndSigned> {
  const { family = 'message', padding = DEFAULT_PADDING } = draft;
  assertSize(draft, keys.recipients.length);
  assertPadding(padding);

  const random = provider.randomBytes(CEK_BYTES + IV_BYTES + MESSAGE_ID_BYTES);
  const id = draft.id ?? random.slice(CEK_BYTES + IV_BYTES);
  const cek = random.subarray(0, CEK_BYTES);
  const iv = random.subarray(CEK_BYTES, CEK_BYTES + IV_BYTES);
  const recipients = yield* wrapToAll(provider, keys.recipients, cek);
  const signature: SignatureDraft = {
    purpose: 'message',
    bound: [family, recipients.hash],
    header: encodeClaims(Object.assign({}, draft, { id })),
    payload: draft.payload,
  };
  const signed = yield* sign(provider, keys.signKey, signature, encodeBriefly);
  const plaintext = padding === false ? [signed] : padded([signed], padding);
  const audience = typeof draft.audience === 'string' ? draft.audience : null;
  return { sealed: yield* encryptTo(provider, recipients, { family, audience, cek, iv }, plaintext), signed };
}

function assertSize({ payload, maxPayloadBytes = MAX_PAYLOAD_BYTES }: Draft, recipients: number): void {
  if (!(payload instanceof Uint8Array)) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the payload is not bytes');
  if (payload.length > maxPayloadBytes) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `payload of ${payload.length} bytes; at most ${maxPayloadBytes}`);
  }
  assertRecipients(recipients);
}

function assertPadding(padding: number | false): void {
  if (padding === false || (isCounter(padding) && padding <= MAX_SEALED_BYTES)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `padding is false or a length of 0 to ${MAX_SEALED_BYTES} bytes`);
}
