import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, isArrayOf, isBytesOf, isCounter, present, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { MAX_RECIPIENTS } from '../envelope/claims.js';
import type { Family } from '../envelope/topics.js';
import { isBytesUpTo, type RelaySender, readSender, senderValue } from './sender.js';

/** Most receivers of one hand-in. */
export const MAX_RECEIVERS = MAX_RECIPIENTS;

/** Length of a hand-in's nonce in bytes. */
export const HAND_IN_NONCE_BYTES = 16;

/** Longest `wake` in bytes. */
export const MAX_WAKE_BYTES = 4096;

/** What may be handed in. */
export type HandInFamily = Extract<Family, 'message' | 'signal' | 'control'>;

/** What the sender tells the relay about a sealed message. Times in seconds. */
export interface HandIn {
  /** Thumbprint of the identity key of the relay that it is for: no other may act on it. */
  readonly relay: Uint8Array;
  readonly sender: RelaySender;
  /** Addresses, sorted and without repetition. */
  readonly receivers: readonly string[];
  /** SHA-256 of the sealed message. */
  readonly message: Uint8Array;
  readonly issuedAt: number;
  /** 16 random bytes, the same when the hand-in is repeated. */
  readonly nonce: Uint8Array;
  /** Into which queue of each receiver the copy belongs; default `message`. */
  readonly family?: HandInFamily;
  /** For whoever wakes absent receivers; the relay does not look into it. */
  readonly wake?: Uint8Array;
}

const isAddresses = isArrayOf(isAddress, MAX_RECEIVERS);
const isReceivers: Check<readonly string[]> = (value): value is readonly string[] =>
  isAddresses(value) && value.length > 0 && value.every((next, i) => i === 0 || (value[i - 1] ?? '') < next);
const isFamily: Check<HandInFamily> = (value): value is HandInFamily => value === 'signal' || value === 'control';

/** Deterministic CBOR of a hand-in's statement. @throws `USAGE_INVALID_ARGUMENT` for what {@link decodeHandIn} would refuse */
export function encodeHandIn({ issuedAt, family, sender, ...handIn }: HandIn): Uint8Array {
  const named = family === 'message' ? undefined : family;
  const content = { ...handIn, sender: senderValue(sender), iat: issuedAt, family: named };
  const bytes = encodeCbor(toMap(content as Record<string, CborValue | undefined>));
  try {
    decodeHandIn(bytes);
  } catch (cause) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'this cannot be handed in', cause);
  }
  return bytes;
}

/** Reads a hand-in's statement. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeHandIn(bytes: Uint8Array): HandIn {
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'hand-in');
  return present({
    relay: fields.required('relay', isBytesOf(32)),
    sender: readSender(fields),
    receivers: fields.required('receivers', isReceivers),
    message: fields.required('message', isBytesOf(32)),
    issuedAt: fields.required('iat', isCounter),
    nonce: fields.required('nonce', isBytesOf(HAND_IN_NONCE_BYTES)),
    family: fields.optional('family', isFamily),
    wake: fields.optional('wake', isBytesUpTo(MAX_WAKE_BYTES)),
  });
}
