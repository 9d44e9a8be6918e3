import type { CborMap, CborValue } from '../../bytes/cbor.js';
import { type Check, type FieldReader, isBytes, isBytesOf, isMap, readFields, toMap } from '../../bytes/fields.js';
import { isAddress } from '../address.js';
import { MAX_RECORD_BYTES } from '../identity/record.js';

/** Longest Info OK in bytes. */
const MAX_INFO_OK_BYTES = 2048;

/** What shows that a registration id is registered: what it is made of beside the identity, and the directory's word. */
export interface ShownRegistration {
  readonly userId: string;
  /** 32 bytes. */
  readonly verificationHash: Uint8Array;
  /** An encoded Info OK. */
  readonly infoOk: Uint8Array;
}

/** A sender that the directory has no record of. */
export interface AnonymousSender extends ShownRegistration {
  /** An encoded key record. */
  readonly record: Uint8Array;
}

/** Who speaks to the relay: an address, or what stands behind a registration id. */
export type RelaySender = string | AnonymousSender;

const isSender = (value: unknown): value is string | CborMap => isAddress(value) || isMap(value);
const isUserId = (value: unknown): value is string => isAddress(value) && !value.startsWith('~');

/** A byte string of up to `longest` bytes. */
export const isBytesUpTo =
  (longest: number): Check<Uint8Array> =>
  (value): value is Uint8Array =>
    isBytes(value) && value.length <= longest;

/** The field `sender` of a statement to the relay. */
export function senderValue(sender: RelaySender): CborValue {
  return typeof sender === 'string' ? sender : toMap({ ...sender });
}

/** Reads the field `sender`. @throws `DECODE_CLAIMS` */
export function readSender(fields: FieldReader): RelaySender {
  const sender = fields.required('sender', isSender);
  if (typeof sender === 'string') return sender;
  const shown = readFields(sender, 'DECODE_CLAIMS', 'sender');
  return { ...readShown(shown), record: shown.required('record', isBytesUpTo(MAX_RECORD_BYTES)) };
}

/** Reads what shows a registration; nothing of it is verified. @throws the reader's code */
export function readShown(fields: FieldReader): ShownRegistration {
  return {
    userId: fields.required('userId', isUserId),
    verificationHash: fields.required('verificationHash', isBytesOf(32)),
    infoOk: fields.required('infoOk', isBytesUpTo(MAX_INFO_OK_BYTES)),
  };
}
