import { type CborValue, decodeCbor, encodeAt, encodeCbor, sizeOf } from '../bytes/cbor.js';
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
} from '../bytes/fields.js';
import type { Allocate } from '../bytes/memory.js';
import { MAX_BATCH_MESSAGES } from '../protocol/envelope/batch.js';
import { MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import type { Family } from '../protocol/envelope/topics.js';
import type { Version } from '../protocol/envelope/version.js';
import type { MessageFamily, MessageFields } from './message.js';

/** The stored form of what waits in the inbox, the quarantine, the hand-over and the outbox. */

/** A sealed message as it came, before anything was looked at. */
export interface InboxEntry {
  readonly family: Family;
  /** The topic's last level, where the family has one of its own behind it. */
  readonly tag?: string;
  readonly sealed: Uint8Array;
  /** Milliseconds. */
  readonly receivedAt: number;
}

/** A sealed message that could not be opened for a passing reason. */
export interface QuarantineEntry extends InboxEntry {
  /** What its signed part names as the sender: not verified. */
  readonly from: string;
  /** The key id that it names: mail under one key keeps its order. */
  readonly kid: Uint8Array;
  readonly reason: string;
}

/** A sealed message on its way to the broker. */
export interface OutboxEntry {
  readonly id: Uint8Array;
  /** Of the messages that it carries, where it is a batch. */
  readonly ids?: readonly Uint8Array[];
  readonly to: string;
  readonly topic: string;
  readonly stream: number;
  readonly seq: number;
  /** Devices that it is sealed to and whose receipts are waited for; none where no receipts are wanted. */
  readonly devices: readonly string[];
  readonly sealed: Uint8Array;
  /** Seconds. */
  readonly expiresAt?: number;
  /** When the broker had it, in milliseconds: only while receipts are waited for. */
  readonly publishedAt?: number;
  /** It goes by the relay, also when it goes again. */
  readonly via?: 'relay';
  /** `sealed` is empty, since entries to several receivers share its bytes: they lie under the `id`. */
  readonly shared?: true;
}

/** The present state of a channel as it was set for one receiver, before it is sealed. */
export interface OwnStateEntry extends Version {
  readonly to: string;
  readonly channel: string;
  readonly issuedAt: number;
  readonly expiresAt?: number;
  /** None where the state was cleared. */
  readonly payload?: Uint8Array;
  readonly contentType?: string;
  /** The version of the receiver's record that it was last published under; none while the broker does not have it. */
  readonly published?: number;
  /** Thumbprint of the receiver's identity key when it was set. */
  readonly identity: Uint8Array;
}

/** An opened message waits for the application; `failures` counts how often its handler threw. */
export interface OpenedEntry extends MessageFields {
  readonly failures: number;
}

const isAnyText = isText(1 << 16);
const isId = (value: unknown): value is Uint8Array => isBytes(value) && value.length === MESSAGE_ID_BYTES;

const isIds = isArrayOf(isId, MAX_BATCH_MESSAGES);
const isTexts = isArrayOf(isAnyText, 256);
const isOneOrSeveral = (value: unknown): value is string | readonly string[] => isAnyText(value) || isTexts(value);
const isRelay = (value: unknown): value is 'relay' => value === 'relay';
const isTrue = (value: unknown): value is true => value === true;

const isMessageFamily = (value: unknown): value is MessageFamily =>
  value === 'message' || value === 'will' || value === 'state';

/** An entry that can be encoded: how many bytes that makes, and the encoding, with `room` free bytes in front. */
export interface Prepared {
  readonly size: number;
  encode(room: number, allocate: Allocate): Uint8Array;
}

/** How one kind of entry is stored. */
export interface EntryCodec<T> {
  encode(entry: T): Uint8Array;
  /** {@link encode} in two steps. */
  prepare(entry: T): Prepared;
  /** @throws `STATE_CORRUPT` */
  decode(bytes: Uint8Array): T;
}

/** @param write - the fields as they are encoded, where they are not CBOR themselves */
export function codec<T extends object>(
  what: string,
  read: (fields: FieldReader) => T,
  write: (entry: T) => object = (entry) => ({ ...entry }),
): EntryCodec<T> {
  const mapOf = (entry: T) => toMap(write(entry) as Record<string, CborValue | undefined>);
  return {
    encode: (entry) => encodeCbor(mapOf(entry)),
    prepare(entry) {
      const map = mapOf(entry);
      const size = sizeOf(map);
      return { size, encode: (room, allocate) => encodeAt(room, map, allocate(room + size)) };
    },
    decode: (bytes) => read(readFields(decodeCbor(bytes), 'STATE_CORRUPT', what)),
  };
}

const readInbox = (fields: FieldReader): InboxEntry =>
  present({
    family: fields.required('family', isAnyText) as Family,
    tag: fields.optional('tag', isAnyText),
    sealed: fields.required('sealed', isBytes),
    receivedAt: fields.required('receivedAt', isCounter),
  });

export const inboxCodec = codec<InboxEntry>('inbox entry', readInbox);

export const quarantineCodec = codec<QuarantineEntry>('quarantine entry', (fields) => ({
  ...readInbox(fields),
  from: fields.required('from', isAnyText),
  kid: fields.required('kid', isBytesOf(32)),
  reason: fields.required('reason', isAnyText),
}));

export const outboxCodec = codec<OutboxEntry>('outbox entry', (fields) =>
  present({
    id: fields.required('id', isId),
    ids: fields.optional('ids', isIds),
    to: fields.required('to', isAnyText),
    topic: fields.required('topic', isAnyText),
    stream: fields.required('stream', isCounter),
    seq: fields.required('seq', isCounter),
    devices: fields.required('devices', isArrayOf(isAnyText, 256)),
    sealed: fields.required('sealed', isBytes),
    expiresAt: fields.optional('expiresAt', isCounter),
    publishedAt: fields.optional('publishedAt', isCounter),
    via: fields.optional('via', isRelay),
    shared: fields.optional('shared', isTrue),
  }),
);

export const ownStateCodec = codec<OwnStateEntry>('own state', (fields) =>
  present({
    to: fields.required('to', isAnyText),
    channel: fields.required('channel', isAnyText),
    version: fields.required('version', isCounter),
    id: fields.required('id', isId),
    issuedAt: fields.required('issuedAt', isCounter),
    expiresAt: fields.optional('expiresAt', isCounter),
    payload: fields.optional('payload', isBytes),
    contentType: fields.optional('contentType', isAnyText),
    published: fields.optional('published', isCounter),
    identity: fields.required('identity', isBytes),
  }),
);

export const openedCodec = codec<OpenedEntry>('opened message', (fields) =>
  present({
    messageId: fields.required('messageId', isId),
    from: fields.required('from', isAnyText),
    device: fields.required('device', isAnyText),
    bytes: fields.required('bytes', isBytes),
    issuedAt: fields.required('issuedAt', isCounter),
    expiresAt: fields.optional('expiresAt', isCounter),
    contentType: fields.optional('contentType', isAnyText),
    channel: fields.optional('channel', isAnyText),
    seq: fields.optional('seq', isCounter),
    inReplyTo: fields.optional('inReplyTo', isId),
    to: fields.optional('to', isOneOrSeveral),
    receivers: fields.optional('receivers', isTexts),
    family: fields.optional('family', isMessageFamily),
    failures: fields.required('failures', isCounter),
  }),
);
