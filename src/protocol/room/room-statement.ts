import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import {
  type FieldReader,
  isArrayOf,
  isBytes,
  isBytesOf,
  isCounter,
  isText,
  present,
  readFields,
  toMap,
} from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import { Header } from '../../cose/labels.js';
import { decodeSign1, type Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { sign, verify } from '../signed.js';
import { isRoomName } from './room-topics.js';

/** Most devices that one announcement seeks. */
export const MAX_SOUGHT = 32;

/** Largest statement in bytes: a key record and an invitation fit. */
export const MAX_STATEMENT_BYTES = 128 * 1024;

/** What every statement says: who speaks, in which room, when (seconds). */
interface Spoken {
  readonly room: string;
  readonly address: string;
  readonly device: string;
  readonly issuedAt: number;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
}

/** "I am here." */
export interface JoinStatement extends Spoken {
  readonly kind: 'join';
  /** When this device joined, in milliseconds: a restarted one joins anew. */
  readonly since: number;
  /** The speaker's encoded key record. */
  readonly record: Uint8Array;
  /** An encoded {@link InviteStatement}. */
  readonly invitation?: Uint8Array;
  /** Devices that were heard and are not known: they are to answer in any case. */
  readonly seeks?: readonly string[];
}

/** "I am going." */
export interface LeaveStatement extends Spoken {
  readonly kind: 'leave';
  readonly since: number;
}

/** "This address is no member any more." The word of the room's creator. */
export interface ExpelStatement extends Spoken {
  readonly kind: 'expel';
  readonly subject: string;
}

/** "This address may join." The word of the room's creator. */
export interface InviteStatement extends Spoken {
  readonly kind: 'invite';
  readonly subject: string;
  /** Seconds. */
  readonly expiresAt: number;
}

export type RoomStatement = JoinStatement | LeaveStatement | ExpelStatement | InviteStatement;

/** A statement as it came: its content is not verified yet. */
export interface ReceivedStatement {
  readonly statement: RoomStatement;
  /** Thumbprint of the key that is said to have signed it. */
  readonly kid: Uint8Array;
  readonly sign1: Sign1;
}

const DEVICE = /^[a-z2-7]{16}$/;
export const isDevice = (value: unknown): value is string => typeof value === 'string' && DEVICE.test(value);
const isNonce = isBytesOf(16);
const isKid = isBytesOf(32);
const isKind = isText(16);

const READERS: { readonly [Kind in RoomStatement['kind']]: (fields: FieldReader) => RoomStatement } = {
  join: (fields) =>
    present({
      ...spoken(fields),
      kind: 'join' as const,
      since: fields.required('since', isCounter),
      record: fields.required('record', isBytes),
      invitation: fields.optional('invitation', isBytes),
      seeks: fields.optional('seeks', isArrayOf(isDevice, MAX_SOUGHT)),
    }),
  leave: (fields) => ({ ...spoken(fields), kind: 'leave', since: fields.required('since', isCounter) }),
  expel: (fields) => ({ ...spoken(fields), kind: 'expel', subject: fields.required('subject', isAddress) }),
  invite: (fields) => ({
    ...spoken(fields),
    kind: 'invite',
    subject: fields.required('subject', isAddress),
    expiresAt: fields.required('exp', isCounter),
  }),
};

/** Signs a statement: a COSE_Sign1 by the device's signing key, purpose `room-announce`. */
export function signRoomStatement(
  provider: CryptoProvider,
  key: PrivateKey,
  statement: RoomStatement,
): Steps<Uint8Array> {
  const { issuedAt, ...rest } = statement;
  const { expiresAt, ...fields } = { expiresAt: undefined, ...rest };
  const times = { iat: issuedAt, ...(expiresAt !== undefined && { exp: expiresAt }) };
  const payload = encodeCbor(toMap({ ...(fields as Record<string, CborValue>), ...times }));
  return sign(provider, key, { purpose: 'room-announce', payload });
}

/** Reads a statement without looking at its signature. @throws `DECODE_CBOR`, `DECODE_COSE`, `DECODE_CLAIMS`, `DECODE_TOO_LARGE` */
export function readRoomStatement(bytes: Uint8Array): ReceivedStatement {
  if (bytes.length > MAX_STATEMENT_BYTES)
    throw new SealMQError('DECODE_TOO_LARGE', `statement of ${bytes.length} bytes`);
  const sign1 = decodeSign1(bytes);
  const kid = sign1.protectedHeader.get(Header.kid);
  if (!isKid(kid) || sign1.payload === null) throw new SealMQError('DECODE_COSE', 'malformed room statement');
  const fields = readFields(decodeCbor(sign1.payload), 'DECODE_CLAIMS', 'room statement');
  const kind = fields.required('kind', isKind);
  if (!Object.hasOwn(READERS, kind)) throw new SealMQError('DECODE_CLAIMS', 'malformed room statement: kind');
  return { statement: READERS[kind as RoomStatement['kind']](fields), kid, sign1 };
}

/** Whether the statement is signed by `key`. */
export function verifyRoomStatement(
  provider: CryptoProvider,
  key: PublicKey,
  { sign1 }: ReceivedStatement,
): Steps<boolean> {
  return verify(provider, key, sign1, { purpose: 'room-announce' });
}

function spoken(fields: FieldReader): Spoken {
  return {
    room: fields.required('room', isRoomName),
    address: fields.required('address', isAddress),
    device: fields.required('device', isDevice),
    issuedAt: fields.required('iat', isCounter),
    nonce: fields.required('nonce', isNonce),
  };
}
