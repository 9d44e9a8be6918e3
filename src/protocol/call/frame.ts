import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, type FieldReader, isBytes, isBytesOf, isCounter, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';

/** Media type of a call frame, which is the payload of a sealed message of family `signal`. */
export const CALL_TYPE = 'application/vnd.sealmq.call+cbor';

/** Length of a call's id in bytes. */
export const CALL_ID_BYTES = 16;

/** Largest encrypted body in bytes: a session description of 64 KiB fits. */
const MAX_BODY_BYTES = 68 * 1024;

/** Largest frame in bytes. */
export const MAX_FRAME_BYTES = MAX_BODY_BYTES + 1024;

/** Why a call ended, as the one who ends it says. */
export const CLOSE_REASONS = [
  /** It was a call, and is over. */
  'hangup',
  'declined',
  'busy',
  /** Another device of yours has taken it, or was faster. */
  'elsewhere',
  /** Both dialled: the other call goes on (design §8). */
  'glare',
  /** It took too long. */
  'timeout',
  /** What came did not verify, or there was no way to each other. */
  'failed',
] as const;

export type CloseReason = (typeof CLOSE_REASONS)[number];

interface Named {
  /** 16 random bytes that the caller has drawn. */
  readonly call: Uint8Array;
}

/** Caller → all devices of the callee. */
export interface DialFrame extends Named {
  readonly type: 'dial';
  /** Thumbprint (RFC 9679, 32 bytes) of the identity key of the one that is meant. */
  readonly identity: Uint8Array;
  /** The caller's ephemeral X25519 key of this call, 32 bytes. */
  readonly key: Uint8Array;
}

/** Callee's device → caller's device. */
export interface OfferFrame extends Named {
  readonly type: 'offer';
  /** SHA-256 of the dial's COSE_Sign1. */
  readonly dial: Uint8Array;
  /** The callee's ephemeral X25519 key of this call, 32 bytes. */
  readonly key: Uint8Array;
  /** A description, encrypted under `offer`. */
  readonly ct: Uint8Array;
}

/** Caller's device → callee's device. */
export interface AnswerFrame extends Named {
  readonly type: 'answer';
  /** SHA-256 of the offer's COSE_Sign1. */
  readonly offer: Uint8Array;
  /** A description, encrypted under `answer`. */
  readonly ct: Uint8Array;
}

/** Either direction: candidates, and descriptions of a restart. */
export interface IceFrame extends Named {
  readonly type: 'ice';
  /** Counts from 0 under `ice-a` or `ice-b`. */
  readonly ctr: number;
  readonly ct: Uint8Array;
}

/** Either direction. */
export interface CloseFrame extends Named {
  readonly type: 'close';
  readonly reason: CloseReason;
}

export type CallFrame = DialFrame | OfferFrame | AnswerFrame | IceFrame | CloseFrame;
export type FrameType = CallFrame['type'];

const isCallId = isBytesOf(CALL_ID_BYTES);
const isHash = isBytesOf(32);
const isKey = isBytesOf(32);
const isBody: Check<Uint8Array> = (value): value is Uint8Array => isBytes(value) && value.length <= MAX_BODY_BYTES;
const isReason: Check<CloseReason> = (value): value is CloseReason => CLOSE_REASONS.some((each) => each === value);
const isType: Check<FrameType> = (value): value is FrameType =>
  typeof value === 'string' && Object.hasOwn(READERS, value);

const READERS: { readonly [Type in FrameType]: (fields: FieldReader, call: Uint8Array) => CallFrame } = {
  dial: (fields, call) => ({
    ...{ type: 'dial', call },
    identity: fields.required('identity', isHash),
    key: fields.required('key', isKey),
  }),
  offer: (fields, call) => ({
    ...{ type: 'offer', call },
    dial: fields.required('dial', isHash),
    key: fields.required('key', isKey),
    ct: fields.required('ct', isBody),
  }),
  answer: (fields, call) => ({
    ...{ type: 'answer', call },
    offer: fields.required('offer', isHash),
    ct: fields.required('ct', isBody),
  }),
  ice: (fields, call) => ({
    ...{ type: 'ice', call },
    ctr: fields.required('ctr', isCounter),
    ct: fields.required('ct', isBody),
  }),
  close: (fields, call) => ({ type: 'close', call, reason: fields.required('reason', isReason) }),
};

export function encodeCallFrame(frame: CallFrame): Uint8Array {
  return encodeCbor(toMap({ ...frame }));
}

/**
 * Reads a frame; unknown fields are ignored, as in all our maps, and are covered by the hashes all the same.
 *
 * @throws `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_CLAIMS`
 */
export function decodeCallFrame(bytes: Uint8Array): CallFrame {
  if (bytes.length > MAX_FRAME_BYTES) throw new SealMQError('DECODE_TOO_LARGE', `call frame of ${bytes.length} bytes`);
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'call frame');
  const type = fields.required('type', isType);
  return READERS[type](fields, fields.required('call', isCallId));
}
