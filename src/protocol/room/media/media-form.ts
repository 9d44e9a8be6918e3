import { concat } from '../../../bytes/bytes.js';
import { describeAccessUnit, describedLength, escapeNal, unescapeNal } from './annex-b.js';
import type { MediaKind } from './media-kid.js';
import { unwrapObu, wrapObu } from './obu.js';

/**
 * How an SFrame is dressed for one family of codecs, so that the browser's packetizer takes it for a frame of that codec, and
 * an SFU finds what it goes by. What stands in clear is a copy: the whole frame of the encoder is inside the SFrame, and
 * receivers read nothing else.
 */
interface MediaForm {
  /** Last byte of the body, and so of the frame. With it the receiver needs no word about the codec. */
  readonly mark: number;
  readonly mimeTypes: readonly string[];
  /** The frame around the body (SFrame and mark); `undefined` when `original` is no frame of this codec. */
  dress(body: Uint8Array, original: Uint8Array, isKey: boolean): Uint8Array | undefined;
  /** The way back; `undefined` when it is not such a frame. */
  undress(frame: Uint8Array): Uint8Array | undefined;
}

/** Key frames show the frame header with the size of the picture, all others the first byte of it (RFC 6386 §9.1). */
const VP8_KEY_HEADER = 10;
const VP8_DELTA_HEADER = 1;
const vp8HeaderLength = ([first = 1]: Uint8Array) => ((first & 1) === 0 ? VP8_KEY_HEADER : VP8_DELTA_HEADER);

/** Nothing in clear: audio, and codecs whose packets say what SFUs need beside the payload. */
const whole: MediaForm = {
  mark: 0,
  mimeTypes: ['video/vp9'],
  dress: (body) => body,
  undress: (frame) => frame,
};

const vp8: MediaForm = {
  mark: 1,
  mimeTypes: ['video/vp8'],
  dress: (body, original) => concat(original.subarray(0, vp8HeaderLength(original)), body),
  undress: (frame) => frame.subarray(vp8HeaderLength(frame)),
};

/** The mark is not zero, so that no NAL unit ends in one. */
const h264: MediaForm = {
  mark: 2,
  mimeTypes: ['video/h264'],
  dress(body, original) {
    const description = describeAccessUnit(original);
    return description && concat(description, escapeNal(body));
  },
  undress(frame) {
    const length = describedLength(frame);
    return length === undefined ? undefined : unescapeNal(frame.subarray(length));
  },
};

const av1: MediaForm = {
  mark: 3,
  mimeTypes: ['video/av1'],
  dress: (body, _original, isKey) => wrapObu(body, isKey),
  undress: (frame) => unwrapObu(frame),
};

const FORMS: readonly MediaForm[] = [whole, vp8, h264, av1];

/** What is known of a frame that an encoder made. */
export interface EncodedFrameKind {
  readonly kind: MediaKind;
  /** As in `RTCRtpCodec`: `video/VP8`. */
  readonly mimeType: string;
  readonly isKey: boolean;
}

/**
 * The frame as it goes to the packetizer: the SFrame, with what the codec needs to be seen of `original` around it.
 * `undefined` for video of a codec that is not known: its packetizer would tear it apart.
 */
export function dressFrame(
  sealed: Uint8Array,
  original: Uint8Array,
  { kind, mimeType, isKey }: EncodedFrameKind,
): Uint8Array | undefined {
  const name = mimeType.toLowerCase();
  const form = kind === 'audio' ? whole : FORMS.find(({ mimeTypes }) => mimeTypes.includes(name));
  return form?.dress(concat(sealed, Uint8Array.of(form.mark)), original, isKey);
}

/** The SFrame in a frame that came from the depacketizer, or `undefined` when it holds none. */
export function undressFrame(frame: Uint8Array): Uint8Array | undefined {
  const mark = frame.at(-1);
  return FORMS.find((form) => form.mark === mark)
    ?.undress(frame)
    ?.subarray(0, -1);
}
