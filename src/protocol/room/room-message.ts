import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isArrayOf, isBytes, isCounter, isMap, present, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { isMediaIndex } from './media/media-kid.js';
import { isRoomName } from './room-topics.js';
import { generationOf, MAX_GENERATION } from './sender-key.js';

/**
 * What one member tells another, sealed to its device: its sender key, what it holds of the other's, and whether it wants
 * that. Every field but `room` and `since` may be absent; messages can be lost, doubled and reordered without harm.
 */
export interface RoomMessage {
  readonly room: string;
  /** When the speaker joined, in milliseconds. */
  readonly since: number;
  /** When the one spoken to joined, as far as the speaker knows: `have` is about its keys of that time. */
  readonly to?: number;
  /** KID of the latest key of the other that the speaker holds. */
  readonly have?: number;
  /** The speaker's sender key; with the index that stands in front of its KID on media streams, where it has any. */
  readonly key?: { readonly kid: number; readonly secret: Uint8Array; readonly media?: number };
  /** The speaker asks for the other's key. */
  readonly want?: boolean;
  /** The speaker's invitation, for one who has not seen its announcement. */
  readonly invitation?: Uint8Array;
  /** Encoded expulsions by the room's creator, for one who came after them; at most {@link MAX_EXPULSIONS}. */
  readonly expelled?: readonly Uint8Array[];
}

/** Largest room message in bytes, sealed: a key, an invitation and the expulsions fit twice. */
export const MAX_SEALED_BYTES = 64 * 1024;

/** Most expulsions that are told with a key. */
export const MAX_EXPULSIONS = 16;

/** Largest of them in bytes: a signature of RSA-4096, and what is signed. */
const MAX_EXPULSION_BYTES = 1024;

/** Media type of a room message. */
export const ROOM_MESSAGE_TYPE = 'application/vnd.sealmq.room+cbor';

const isKid = (value: unknown): value is number => isCounter(value) && generationOf(value) <= MAX_GENERATION;
const isSecret = (value: unknown): value is Uint8Array =>
  isBytes(value) && (value.length === 32 || value.length === 64);
const isTrue = (value: unknown): value is true => value === true;

const isExpulsion = (value: unknown): value is Uint8Array => isBytes(value) && value.length <= MAX_EXPULSION_BYTES;
const isExpulsions = isArrayOf(isExpulsion, MAX_EXPULSIONS);

export function encodeRoomMessage({ key, expelled, ...fields }: RoomMessage): Uint8Array {
  const parts = { ...(key && { key: toMap({ ...key }) }), ...(expelled && { expelled: [...expelled] }) };
  return encodeCbor(toMap({ ...fields, ...parts }));
}

/** @throws `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeRoomMessage(bytes: Uint8Array): RoomMessage {
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'room message');
  const key = fields.optional('key', isMap);
  return present({
    room: fields.required('room', isRoomName),
    since: fields.required('since', isCounter),
    to: fields.optional('to', isCounter),
    have: fields.optional('have', isKid),
    key: key && readKey(key),
    want: fields.optional('want', isTrue),
    invitation: fields.optional('invitation', isBytes),
    expelled: fields.optional('expelled', isExpulsions),
  });
}

function readKey(value: Parameters<typeof readFields>[0]): NonNullable<RoomMessage['key']> {
  const fields = readFields(value, 'DECODE_CLAIMS', 'sender key');
  const kid = fields.required('kid', isKid);
  const secret = fields.required('secret', isSecret).slice();
  const media = fields.optional('media', isMediaIndex);
  if (kid % 256 === 0 || secret.length === 64) return present({ kid, secret, media });
  throw new SealMQError('DECODE_CLAIMS', 'malformed sender key: secret');
}
