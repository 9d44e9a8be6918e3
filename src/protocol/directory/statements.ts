import { equal } from '../../bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type FieldReader, isBytesOf, isCounter, present, readFields, toMap } from '../../bytes/fields.js';
import { type PublicKey, publicKeyMap, readPublicKey } from '../../cose/key.js';
import { Header } from '../../cose/labels.js';
import { decodeSign1, type Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { type Purpose, sign, verify } from '../signed.js';

/** How far a directory's clock and ours may differ, and a cache in between may overdraw, in seconds. */
export const STATEMENT_TOLERANCE = 300;

/** Sizes of the nonce of a time request, in bytes. */
export const MIN_NONCE_BYTES = 16;
export const MAX_NONCE_BYTES = 64;

/** Most keys in a key list. */
const MAX_KEYS = 8;

/** That a record was the current one of its address. Times in seconds. */
export interface Freshness {
  readonly address: string;
  /** SHA-256 of the encoded record. */
  readonly record: Uint8Array;
  readonly version: number;
  readonly servedAt: number;
  readonly maxAge: number;
}

/** That nobody had claimed an address. Times in seconds. */
export interface Negative {
  readonly address: string;
  readonly servedAt: number;
  readonly maxAge: number;
}

/** What time it is. */
export interface TimeStatement {
  /** 16 to 64 bytes of the asker's. */
  readonly nonce: Uint8Array;
  /** Milliseconds, unlike other times: `stream` is directory time in milliseconds, so a clock is set to no less. */
  readonly now: number;
}

/** The keys a directory signs with, signed by one that the reader knows. Times in seconds. */
export interface KeyList {
  readonly keys: readonly PublicKey[];
  readonly issuedAt: number;
  /** During a roll-over: when its end should be looked for. */
  readonly expiresAt?: number;
}

/** One kind of statement: the purpose of its signature, and its form. */
export interface StatementKind<T> {
  readonly purpose: Purpose;
  encode(content: T): CborMap;
  read(fields: FieldReader): T;
}

const isHash = isBytesOf(32);
const isNonce = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array && value.length >= MIN_NONCE_BYTES && value.length <= MAX_NONCE_BYTES;
const isKeys = (value: unknown): value is readonly CborValue[] =>
  Array.isArray(value) && value.length >= 1 && value.length <= MAX_KEYS;

/** `SealMQ-Freshness` beside a record. */
export const freshness: StatementKind<Freshness> = {
  purpose: 'freshness',
  encode: (content) => toMap({ ...content }),
  read: (fields) => ({
    address: fields.required('address', isAddress),
    record: fields.required('record', isHash),
    version: fields.required('version', isCounter),
    servedAt: fields.required('servedAt', isCounter),
    maxAge: fields.required('maxAge', isCounter),
  }),
};

/** `SealMQ-Freshness` beside a 404. */
export const negative: StatementKind<Negative> = {
  purpose: 'negative',
  encode: (content) => toMap({ ...content }),
  read: (fields) => ({
    address: fields.required('address', isAddress),
    servedAt: fields.required('servedAt', isCounter),
    maxAge: fields.required('maxAge', isCounter),
  }),
};

/** The body of a time answer. */
export const time: StatementKind<TimeStatement> = {
  purpose: 'time',
  encode: (content) => toMap({ ...content }),
  read: (fields) => ({ nonce: fields.required('nonce', isNonce), now: fields.required('now', isCounter) }),
};

/** An entry of the directory's chain of key lists. */
export const keyList: StatementKind<KeyList> = {
  purpose: 'key-list',
  encode: ({ keys, ...times }) => toMap({ ...times, keys: keys.map(publicKeyMap) }),
  read: (fields) =>
    present({
      keys: fields.required('keys', isKeys).map(readPublicKey),
      issuedAt: fields.required('issuedAt', isCounter),
      expiresAt: fields.optional('expiresAt', isCounter),
    }),
};

/** Makes a statement: a COSE_Sign1 by the directory's key. */
export function signStatement<T>(
  provider: CryptoProvider,
  key: PrivateKey,
  kind: StatementKind<T>,
  content: T,
): Steps<Uint8Array> {
  return sign(provider, key, { purpose: kind.purpose, payload: encodeCbor(kind.encode(content)) });
}

/**
 * Reads a statement of the directory.
 *
 * @param keys - the directory keys that are trusted
 * @throws {@link SealMQError} `DIRECTORY_KEY_CHANGED` when its `kid` is none of `keys`, `DIRECTORY_BAD_ANSWER` when it is
 *   malformed or its signature is not valid
 */
export function* verifyStatement<T>(
  provider: CryptoProvider,
  keys: readonly PublicKey[],
  kind: StatementKind<T>,
  bytes: Uint8Array,
): Steps<T> {
  const message = answered(() => decodeSign1(bytes));
  const kid = message.protectedHeader.get(Header.kid);
  const key = kid instanceof Uint8Array ? yield* findKey(provider, keys, kid) : undefined;
  if (!key)
    throw new SealMQError('DIRECTORY_KEY_CHANGED', 'signed by another key than the known ones of the directory');
  if (!(yield* verify(provider, key, message, { purpose: kind.purpose }))) {
    throw new SealMQError('DIRECTORY_BAD_ANSWER', `the signature of a ${kind.purpose} statement is not valid`);
  }
  return readContent(kind, message);
}

/** The content of a statement on its word alone. @throws {@link SealMQError} `DIRECTORY_BAD_ANSWER` */
export function readUnverified<T>(kind: StatementKind<T>, bytes: Uint8Array): T {
  return readContent(
    kind,
    answered(() => decodeSign1(bytes)),
  );
}

/** The key among `keys` whose thumbprint is `kid`. */
export function* findKey(
  provider: CryptoProvider,
  keys: readonly PublicKey[],
  kid: Uint8Array,
): Steps<PublicKey | undefined> {
  for (const key of keys) if (equal(yield* keyThumbprint(provider, key), kid)) return key;
  return undefined;
}

/**
 * How many seconds a statement is still good for at `now` (seconds of directory time), at least 0.
 *
 * @throws {@link SealMQError} `DIRECTORY_STALE` when it ended, or begins, more than {@link STATEMENT_TOLERANCE} away
 */
export function remainingLife({ servedAt, maxAge }: Pick<Freshness, 'servedAt' | 'maxAge'>, now: number): number {
  const ended = servedAt + maxAge + STATEMENT_TOLERANCE < now;
  if (ended || servedAt - STATEMENT_TOLERANCE > now) {
    throw new SealMQError('DIRECTORY_STALE', `the directory's statement was made ${now - servedAt} s ago`);
  }
  return Math.min(Math.max(servedAt + maxAge - now, 0), maxAge);
}

function readContent<T>(kind: StatementKind<T>, { payload }: Sign1): T {
  return answered(() => {
    const content = decodeCbor(payload ?? new Uint8Array(0));
    return kind.read(readFields(content, 'DIRECTORY_BAD_ANSWER', `${kind.purpose} statement`));
  });
}

/** `decode()`; whatever it refuses is a bad answer. */
function answered<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new SealMQError('DIRECTORY_BAD_ANSWER', 'malformed statement of the directory', cause);
  }
}
