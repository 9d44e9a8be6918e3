import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import {
  type Check,
  type FieldReader,
  isBytes,
  isBytesOf,
  isCounter,
  isMap,
  isText,
  present,
  readFields,
  toMap,
} from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { HAND_IN_NONCE_BYTES } from './hand-in.js';
import { type RelaySender, readSender, senderValue } from './sender.js';

/** Longest URL of a push endpoint, in characters. */
export const MAX_ENDPOINT_LENGTH = 2048;

/** Lengths in bytes of what a push subscription holds (RFC 8291 §2): an uncompressed P-256 point, and the authentication secret. */
export const P256DH_BYTES = 65;
export const AUTH_BYTES = 16;

/** Where a device can be woken: a push subscription of its browser or platform (RFC 8030, RFC 8291). */
export interface Subscription {
  /** An https URL. */
  readonly endpoint: string;
  /** The P-256 key that pushes are encrypted to: an uncompressed point of 65 bytes. */
  readonly p256dh: Uint8Array;
  /** The authentication secret, 16 bytes. */
  readonly auth: Uint8Array;
  /** Seconds. */
  readonly expiresAt?: number;
}

interface Told {
  /** Thumbprint of the identity key of the relay that it is for. */
  readonly relay: Uint8Array;
  readonly sender: RelaySender;
  /** Seconds. */
  readonly issuedAt: number;
  /** 16 random bytes, the same when it is repeated. */
  readonly nonce: Uint8Array;
}

/** Where the device that signs can be woken from now on; without a subscription, nowhere any more. */
export interface PushUpdate extends Told {
  readonly type: 'push';
  /** Greater than in every earlier one of this device. */
  readonly number: number;
  readonly subscription?: Subscription;
}

/** The device that signs has heard a dial: it need not be woken for that. */
export interface HeardUpdate extends Told {
  readonly type: 'heard';
  /** SHA-256 of the sealed message that the dial came in. */
  readonly message: Uint8Array;
}

/** What a device tells the relay about itself. */
export type Update = PushUpdate | HeardUpdate;

/** An update before the relay is known. */
export type UpdateContent = Omit<PushUpdate, keyof Told> | Omit<HeardUpdate, keyof Told>;

/** An uncompressed point (SEC 1 §2.3.3); that it lies on the curve is for who computes with it. */
export const isPoint: Check<Uint8Array> = (value): value is Uint8Array =>
  isBytes(value) && value.length === P256DH_BYTES && value[0] === 4;

const READERS: { readonly [Type in Update['type']]: (fields: FieldReader) => UpdateContent } = {
  push: (fields) =>
    present({
      type: 'push' as const,
      number: fields.required('number', isCounter),
      subscription: readSubscription(fields.optional('subscription', isMap)),
    }),
  heard: (fields) => ({ type: 'heard', message: fields.required('message', isBytesOf(32)) }),
};

const isType: Check<Update['type']> = (value): value is Update['type'] =>
  typeof value === 'string' && Object.hasOwn(READERS, value);

/** Deterministic CBOR of an update. @throws `USAGE_INVALID_ARGUMENT` for what {@link decodeUpdate} would refuse */
export function encodeUpdate({ issuedAt, sender, ...update }: Update): Uint8Array {
  const { subscription } = update as Partial<PushUpdate>;
  const content = {
    ...{ ...update, iat: issuedAt, sender: senderValue(sender) },
    subscription: subscription && subscriptionMap(subscription),
  };
  const bytes = encodeCbor(toMap(content as Record<string, CborValue | undefined>));
  try {
    decodeUpdate(bytes);
  } catch (cause) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the relay cannot be told this', cause);
  }
  return bytes;
}

/** Reads an update. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeUpdate(bytes: Uint8Array): Update {
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'update');
  const content = READERS[fields.required('type', isType)](fields);
  return {
    relay: fields.required('relay', isBytesOf(32)),
    sender: readSender(fields),
    issuedAt: fields.required('iat', isCounter),
    nonce: fields.required('nonce', isBytesOf(HAND_IN_NONCE_BYTES)),
    ...content,
  };
}

/** The map of a subscription, as an update and a relay's store have it. */
export function subscriptionMap(subscription: Subscription): CborMap {
  return toMap({ ...subscription });
}

/** Reads the map of a subscription. @throws `DECODE_CLAIMS` */
export function readSubscription(map: CborMap): Subscription;
export function readSubscription(map: CborMap | undefined): Subscription | undefined;
export function readSubscription(map: CborMap | undefined): Subscription | undefined {
  if (!map) return undefined;
  const fields = readFields(map, 'DECODE_CLAIMS', 'push subscription');
  return present({
    endpoint: fields.required('endpoint', isText(MAX_ENDPOINT_LENGTH)),
    p256dh: fields.required('p256dh', isPoint),
    auth: fields.required('auth', isBytesOf(AUTH_BYTES)),
    expiresAt: fields.optional('expiresAt', isCounter),
  });
}
