import { concat } from '../../bytes/bytes.js';
import { CborReader } from '../../bytes/cbor.js';
import { isBytesOf } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import { Header } from '../../cose/labels.js';
import { type Sign1, toSign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { sign, verify } from '../signed.js';
import type { FrameOrigin } from './room-frame.js';

/** What a signature ties a frame to: one place of one member's life, so that nobody uses it for another. */
export interface FramePlace extends FrameOrigin {
  /** When the sender joined, in milliseconds: KIDs and counters begin anew with each life. */
  readonly since: number;
  readonly kid: number;
  readonly ctr: number;
}

/** The signature in front of a frame's content, not looked at yet. */
export interface FrameSignature {
  /** Thumbprint of the signing key, 32 bytes. */
  readonly kid: Uint8Array;
  readonly sign1: Sign1;
}

/** The head of a COSE_Sign1; what stands in front of an unsigned frame is nil, a text or, for a batch, an array. */
const TAG_SIGN1 = 0xd2;

/** A signature of 512 bytes (RSA-4096), its header and the heads of both. */
const MAX_SIGNATURE_BYTES = 1024;

const isThumbprint = isBytesOf(32);

/**
 * Signs the content of a frame or a batch: a COSE_Sign1 with detached payload, which stands in front of the content and is encrypted with
 * it. AES-GCM tags alone would not do (a holder of the key finds other bytes for a tag), so it covers the content itself.
 */
export function signFrame(
  provider: CryptoProvider,
  key: PrivateKey,
  place: FramePlace,
  content: readonly Uint8Array[],
): Steps<Uint8Array> {
  return sign(provider, key, { ...contextOf(place), payload: concat(...content), detached: true });
}

/** Takes a plaintext apart: its signature, where it has one, and the content behind. @throws `DECODE_CBOR`, `DECODE_COSE` */
export function splitSignature(plaintext: Uint8Array): {
  readonly signature?: FrameSignature;
  readonly content: Uint8Array;
} {
  if (plaintext[0] !== TAG_SIGN1) return { content: plaintext };
  const reader = new CborReader(plaintext.subarray(0, MAX_SIGNATURE_BYTES));
  const sign1 = toSign1(reader.item());
  const kid = sign1.protectedHeader.get(Header.kid);
  if (!isThumbprint(kid) || sign1.payload !== null) throw new SealMQError('DECODE_COSE', 'malformed frame signature');
  return { signature: { kid, sign1 }, content: plaintext.subarray(reader.offset) };
}

/** Whether the signature is `key`'s over this content in this place. */
export function verifyFrame(
  provider: CryptoProvider,
  key: PublicKey,
  place: FramePlace,
  { sign1 }: FrameSignature,
  content: Uint8Array,
): Steps<boolean> {
  return verify(provider, key, sign1, contextOf(place), content);
}

function contextOf({ room, kind, address, device, since, kid, ctr }: FramePlace) {
  return { purpose: 'room-frame' as const, bound: [room, kind, address, device, since, kid, ctr] };
}
