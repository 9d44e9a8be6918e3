import { encodeCbor } from '../../../bytes/cbor.js';
import { isCounter } from '../../../bytes/fields.js';
import type { CryptoProvider } from '../../../crypto/provider.js';
import type { Steps } from '../../../crypto/steps.js';
import type { SenderKey } from '../sender-key.js';
import { deriveFrameKey, type FrameKey } from '../sframe.js';
import { ROOM_SUITE } from '../sframe-suites.js';

/** Bits of a media KID below the member index: generation and ratchet step of the sender key. */
const KID_BITS = 40;
const KID_MASK = (1n << BigInt(KID_BITS)) - 1n;

const INDEX_BYTES = 3;
const MAX_INDEX = 2 ** (8 * INDEX_BYTES) - 1;

/** What a stream carries. Authenticated: a frame of sound does not open where pictures are expected. */
export type MediaKind = 'audio' | 'video';

/** Whether `value` is a member index: 24 bits, and not zero. */
export const isMediaIndex = (value: unknown): value is number => isCounter(value) && value >= 1 && value <= MAX_INDEX;

/**
 * `index ≪ 40 | kid`. It goes into the derivation of the frame key (RFC 9605 §4.4.2), so that media have keys of their own:
 * their counters and those of the frames over MQTT never meet.
 */
export function mediaKid(index: number, kid: number): bigint {
  return (BigInt(index) << BigInt(KID_BITS)) | BigInt(kid);
}

/** Index and KID of the sender key, or `undefined` for a KID that is none of media. */
export function readMediaKid(mediaKid: bigint): { readonly index: number; readonly kid: number } | undefined {
  const index = Number(mediaKid >> BigInt(KID_BITS));
  return isMediaIndex(index) ? { index, kid: Number(mediaKid & KID_MASK) } : undefined;
}

/** Whether a sender key may have a media index in front: its KID leaves room for one (2³² generations). */
export function fitsMedia(kid: number): boolean {
  return BigInt(kid) <= KID_MASK;
}

/** A random index that is none of `taken`: the SFU, who sees it, learns nothing of who it is. */
export function pickMediaIndex(provider: CryptoProvider, taken: ReadonlySet<number>): number {
  for (;;) {
    const [high = 0, middle = 0, low = 0] = provider.randomBytes(INDEX_BYTES);
    const index = (high * 256 + middle) * 256 + low;
    if (isMediaIndex(index) && !taken.has(index)) return index;
  }
}

/** Of two members with the same index, the one whose device name is greater picks again. */
export function picksAgain(own: string, other: string): boolean {
  return own > other;
}

/** What media of one member are encrypted with. */
export function mediaFrameKey(
  provider: CryptoProvider,
  index: number,
  { kid, secret }: Pick<SenderKey, 'kid' | 'secret'>,
): Steps<FrameKey> {
  return deriveFrameKey(provider, ROOM_SUITE, secret, mediaKid(index, kid));
}

/** What is authenticated with every media frame: it opens in its room, as its member's, and as what it is. */
export function mediaMetadata(who: {
  readonly room: string;
  readonly kind: MediaKind;
  readonly address: string;
  readonly device: string;
}): Uint8Array {
  return encodeCbor(['sealmq/1 room media', who.room, who.kind, who.address, who.device]);
}
