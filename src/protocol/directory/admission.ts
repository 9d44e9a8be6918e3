import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytes, isBytesOf, isCounter, present, readFields, toMap } from '../../bytes/fields.js';
import { Header } from '../../cose/labels.js';
import { decodeSign1, type Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { findDevice } from '../identity/account.js';
import { type DeviceEntry, isActive } from '../identity/device.js';
import { type KeyRecord, MAX_RECORD_BYTES } from '../identity/record.js';
import { sign, verify } from '../signed.js';
import type { StatementKind } from '../statement.js';

/**
 * How a device is admitted to a broker: the directory hands out a signed {@link Challenge}, the device signs it together with
 * its address and MQTT client id, and is given a token. That the challenge bears the directory's signature keeps another
 * directory from passing on what a device has signed for it.
 */

/** What a device is to sign. Times in seconds. */
export interface Challenge {
  /** 32 random bytes; each is good for one token. */
  readonly nonce: Uint8Array;
  readonly servedAt: number;
  readonly maxAge: number;
}

/** What a device signs to be admitted. */
export interface TokenRequest {
  /** The challenge as it came. */
  readonly challenge: Uint8Array;
  readonly address: string;
  /** The one MQTT client id that the token will be good for: 1 to 128 visible ASCII characters. */
  readonly clientId: string;
  /** For an anonymous address, which the directory does not know: its Info OK and its key record. */
  readonly infoOk?: Uint8Array;
  readonly record?: Uint8Array;
}

/** A token request on its word alone. */
export interface SignedTokenRequest extends TokenRequest {
  readonly message: Sign1;
}

/** That a message was taken and not passed on, because nobody is registered under its address. Times in seconds. */
export interface Notice {
  /** Who sent it. */
  readonly address: string;
  /** To whom. */
  readonly unregistered: string;
  /** SHA-256 of the sealed message. */
  readonly message: Uint8Array;
  readonly issuedAt: number;
}

/** Largest token request in bytes: a key record, an Info OK, and what is around them. */
export const MAX_REQUEST_BYTES = MAX_RECORD_BYTES + 8192;

const CLIENT_ID = /^[\x21-\x7e]{1,128}$/;

/** Whether `value` can be the client id of a token: 1 to 128 visible ASCII characters. */
export const isClientId = (value: unknown): value is string => typeof value === 'string' && CLIENT_ID.test(value);

/** The answer to `GET /v1/admission`. */
export const challenge: StatementKind<Challenge> = {
  purpose: 'challenge',
  encode: (content) => toMap({ ...content }),
  read: (fields) => ({
    nonce: fields.required('nonce', isBytesOf(32)),
    servedAt: fields.required('servedAt', isCounter),
    maxAge: fields.required('maxAge', isCounter),
  }),
};

/** What the broker puts on the control topic of a sender whose message it could not pass on. */
export const notice: StatementKind<Notice> = {
  purpose: 'notice',
  encode: (content) => toMap({ ...content }),
  read: (fields) => ({
    address: fields.required('address', isAddress),
    unregistered: fields.required('unregistered', isAddress),
    message: fields.required('message', isBytesOf(32)),
    issuedAt: fields.required('issuedAt', isCounter),
  }),
};

/** Signs a request with the signing key of the device. @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for a client id that is none */
export function* signTokenRequest(
  provider: CryptoProvider,
  signKey: PrivateKey,
  request: TokenRequest,
): Steps<Uint8Array> {
  if (!isClientId(request.clientId)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a client id is 1 to 128 visible ASCII characters');
  }
  return yield* sign(provider, signKey, { purpose: 'token', payload: encodeCbor(toMap({ ...request })) });
}

/** Reads a request; nothing of it is verified. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_COSE`, `DECODE_CLAIMS` */
export function readTokenRequest(bytes: Uint8Array): SignedTokenRequest {
  const message = decodeSign1(bytes);
  const fields = readFields(decodeCbor(message.payload ?? new Uint8Array(0)), 'DECODE_CLAIMS', 'token request');
  return present({
    message,
    challenge: fields.required('challenge', isBytes),
    address: fields.required('address', isAddress),
    clientId: fields.required('clientId', isClientId),
    infoOk: fields.optional('infoOk', isBytes),
    record: fields.optional('record', isBytes),
  });
}

/**
 * The device that signed a request: one that is active in `record` at `now` (seconds).
 *
 * @param record - the current one of the address that the request names
 * @throws {@link SealMQError} `DIRECTORY_REFUSED`, which does not say what is wrong
 */
export function* verifyTokenRequest(
  provider: CryptoProvider,
  { message, address }: SignedTokenRequest,
  record: KeyRecord,
  now: number,
): Steps<DeviceEntry> {
  const kid = message.protectedHeader.get(Header.kid);
  const device = kid instanceof Uint8Array ? yield* findDevice(provider, record, kid) : undefined;
  const isOurs = device !== undefined && record.address === address && isActive(device, now);
  if (!isOurs || !(yield* verify(provider, device.signKey, message, { purpose: 'token' }))) {
    throw new SealMQError('DIRECTORY_REFUSED', `no active device of ${address} has signed this`);
  }
  return device;
}
