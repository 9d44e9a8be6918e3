import { CborReader, encodeCbor } from '../../bytes/cbor.js';
import { isText } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';

/** Largest payload of one frame in bytes: a frame of video. */
export const MAX_FRAME_BYTES = 256 * 1024;

/** Largest frame in bytes as it travels: with its channel, a signature of RSA-4096, SFrame's header and tag. */
export const MAX_SEALED_FRAME_BYTES = MAX_FRAME_BYTES + 4096;

/** Longest channel name, in UTF-16 code units. */
export const MAX_CHANNEL_LENGTH = 256;

/** What a frame is for: the application's bytes, or the sign of life that members give. The topic tells. */
export type FrameKind = 'frame' | 'heartbeat';

/** Who a frame is from, and where. */
export interface FrameOrigin {
  readonly room: string;
  readonly kind: FrameKind;
  readonly address: string;
  readonly device: string;
}

/** What an application sends as one frame. */
export interface FrameContent {
  readonly channel?: string;
  readonly payload: Uint8Array;
}

/** A frame in two parts: its channel, or nil, as a CBOR item, and its payload. */
export type FrameParts = readonly [channel: Uint8Array, payload: Uint8Array];

/** A head and three bytes of UTF-8 a code unit. */
const MAX_CHANNEL_BYTES = 3 + 3 * MAX_CHANNEL_LENGTH;
const NO_CHANNEL = 0xf6;
const NO_CHANNEL_BYTES = Uint8Array.of(NO_CHANNEL);

/** Whether it can name a channel. */
export const isChannel = isText(MAX_CHANNEL_LENGTH);

/** What is authenticated with every frame of a sender: a frame opens in its room, from its topic and for its purpose only. */
export function frameMetadata({ room, kind, address, device }: FrameOrigin): Uint8Array {
  return encodeCbor(['sealmq/1 room', room, kind, address, device]);
}

/**
 * The plaintext of a frame that travels alone: one part behind the other.
 *
 * @throws `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE`
 */
export function encodeFrame(payload: Uint8Array, channel?: string): FrameParts {
  if (payload.length > MAX_FRAME_BYTES) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `a frame has at most ${MAX_FRAME_BYTES} bytes`);
  }
  if (channel === undefined) return [NO_CHANNEL_BYTES, payload];
  if (!isChannel(channel)) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a channel has 1 to 256 characters');
  return [encodeCbor(channel), payload];
}

/** Channel and payload of a frame that travelled alone. @throws `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeFrame(plaintext: Uint8Array): FrameContent {
  if (plaintext[0] === NO_CHANNEL) return { payload: plaintext.subarray(1) };
  const reader = new CborReader(plaintext.subarray(0, MAX_CHANNEL_BYTES));
  const channel = reader.item();
  if (!isChannel(channel)) throw new SealMQError('DECODE_CLAIMS', 'malformed frame: channel');
  return { channel, payload: plaintext.subarray(reader.offset) };
}
