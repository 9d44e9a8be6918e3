import { fromBase64url, toBase64url } from '../../bytes/base64url.js';
import { equal } from '../../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import {
  type Check,
  type FieldReader,
  isBytes,
  isBytesOf,
  isCounter,
  isText,
  present,
  readFields,
  toMap,
} from '../../bytes/fields.js';
import { Header } from '../../cose/labels.js';
import { decodeSign1, type Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { sign, verify } from '../signed.js';
import { findDevice } from './account.js';
import { type DeviceKeys, deviceStanding } from './device.js';
import { type KeyRecord, MAX_RECORD_BYTES, verifyRecord } from './record.js';

/** What a card begins with; unpadded base64url follows. */
export const CARD_PREFIX = 'sealmq:card/';

/** How long a card holds where nothing else is said, in seconds (30 days). */
export const CARD_LIFETIME = 30 * 24 * 3600;

/** Longest name on a card, in UTF-16 code units. */
export const MAX_CARD_NAME = 64;

/** Largest registration proof on a card, in bytes. */
const MAX_INFO_OK = 2048;

/** Largest card in bytes, before base64url: a record, and room for the rest. */
const MAX_CARD_BYTES = MAX_RECORD_BYTES + 4096;

/** What its owner says on a card. */
export interface CardDetails {
  /** What they call themselves: their word, nobody else's. */
  readonly name?: string;
  /** The registration service's word that the address is registered, where there is one; not verified here. */
  readonly infoOk?: Uint8Array;
  /** Seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Somebody's address and identity key, handed over by themselves. */
export interface ContactCard extends CardDetails {
  readonly address: string;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
  /** The whole key record; absent in a brief card, whose record is to be had from a directory. */
  readonly record?: KeyRecord;
  /** The COSE_Sign1 as it travels. */
  readonly bytes: Uint8Array;
}

/** What a card is made of. */
export interface CardDraft extends CardDetails {
  readonly record: KeyRecord;
  /** Only the address and the thumbprint of the identity key: small enough for any QR code. */
  readonly brief?: boolean;
}

/** Signs a card with a device's key: linked devices, which have no identity key, can hand out cards too. */
export function* makeCard(
  provider: CryptoProvider,
  { signKey }: Pick<DeviceKeys, 'signKey'>,
  { record, brief = false, name, infoOk, issuedAt, expiresAt }: CardDraft,
): Steps<ContactCard> {
  const { address, identity } = record;
  const whose = brief ? { address, identity } : { record: record.bytes };
  const payload = encodeCbor(toMap({ ...whose, name, infoOk, issuedAt, expiresAt }));
  const bytes = yield* sign(provider, signKey, { purpose: 'card', payload });
  return present({ address, identity, record: brief ? undefined : record, name, infoOk, issuedAt, expiresAt, bytes });
}

/** The text of a card, for {@link readCard}. */
export function cardText({ bytes }: Pick<ContactCard, 'bytes'>): string {
  return CARD_PREFIX + toBase64url(bytes);
}

/** Whether `text` means to be a card. */
export function isCardText(text: string): boolean {
  return text.trimStart().startsWith(CARD_PREFIX);
}

/**
 * Reads a card at `now` (seconds). A brief one is as yet unverified: {@link verifyCard} says whether it agrees with a record.
 *
 * @throws {@link SealMQError} `DECODE_CARD` for what is none, `DECODE_TOO_LARGE`; `VERIFY_SIGNATURE` for one that was altered, or
 *   whose record was; `USAGE_CARD_EXPIRED`; `USAGE_SUITE_UNAVAILABLE` for keys that this backend lacks
 */
export function* readCard(provider: CryptoProvider, text: string, now: number): Steps<ContactCard> {
  const { message, fields, bytes } = parseCard(text);
  const record = fields.optional('record', isBytes);
  const known = record && (yield* readRecord(provider, record));
  const card = present({
    address: known?.address ?? fields.required('address', isAddress),
    identity: known?.identity ?? fields.required('identity', isThumbprint),
    record: known,
    ...readDetails(fields),
    bytes,
  });
  if (known && !(yield* isSignedIn(provider, message, known, now))) throw new SealMQError('VERIFY_SIGNATURE');
  if (Math.min(card.expiresAt, known?.expiresAt ?? card.expiresAt) <= now) {
    throw new SealMQError('USAGE_CARD_EXPIRED', `the card of ${card.address} has expired: ask for a new one`);
  }
  return card;
}

/**
 * Makes sure that a device of `record` has signed the card for that identity.
 *
 * @throws {@link SealMQError} `VERIFY_SIGNATURE`
 */
export function* verifyCard(provider: CryptoProvider, card: ContactCard, record: KeyRecord, now: number): Steps<void> {
  const named = card.address === record.address && equal(card.identity, record.identity);
  if (named && (yield* isSignedIn(provider, decodeSign1(card.bytes), record, now))) return;
  throw new SealMQError('VERIFY_SIGNATURE');
}

const isThumbprint = isBytesOf(32);
const isInfoOk: Check<Uint8Array> = (value): value is Uint8Array => isBytes(value) && value.length <= MAX_INFO_OK;

function parseCard(text: string): { message: Sign1; fields: FieldReader; bytes: Uint8Array } {
  const card = text.trim();
  if (!card.startsWith(CARD_PREFIX)) throw new SealMQError('DECODE_CARD', `a contact card begins with ${CARD_PREFIX}`);
  if (card.length > CARD_PREFIX.length + Math.ceil((MAX_CARD_BYTES * 4) / 3)) {
    throw new SealMQError('DECODE_TOO_LARGE', 'contact card');
  }
  try {
    const bytes = fromBase64url(card.slice(CARD_PREFIX.length));
    const message = decodeSign1(bytes);
    // Nothing that the signature does not cover, as in a record.
    if (message.payload === null || message.unprotectedHeader.size > 0) throw new SealMQError('DECODE_COSE');
    const fields = readFields(decodeCbor(message.payload), 'DECODE_CARD', 'contact card');
    return { message, fields, bytes };
  } catch (cause) {
    throw damaged(cause);
  }
}

function readDetails(fields: FieldReader): CardDetails {
  return present({
    name: fields.optional('name', isText(MAX_CARD_NAME)),
    infoOk: fields.optional('infoOk', isInfoOk),
    issuedAt: fields.required('issuedAt', isCounter),
    expiresAt: fields.required('expiresAt', isCounter),
  });
}

function* readRecord(provider: CryptoProvider, bytes: Uint8Array): Steps<KeyRecord> {
  try {
    return yield* verifyRecord(provider, bytes);
  } catch (cause) {
    if (isSealMQError(cause) && cause.code.startsWith('DECODE_')) throw damaged(cause);
    throw cause;
  }
}

/** Whether a device that has not been revoked, and stands in `record`, has signed `message` as a card. */
function* isSignedIn(provider: CryptoProvider, message: Sign1, record: KeyRecord, now: number): Steps<boolean> {
  const kid = message.protectedHeader.get(Header.kid);
  const device = kid instanceof Uint8Array ? yield* findDevice(provider, record, kid) : undefined;
  if (!device || deviceStanding(device, now) !== 'good') return false;
  return yield* verify(provider, device.signKey, message, { purpose: 'card' });
}

function damaged(cause: unknown): SealMQError {
  return new SealMQError('DECODE_CARD', 'the contact card is damaged or cut off', cause);
}
