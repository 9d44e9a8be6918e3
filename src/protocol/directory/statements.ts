import type { CborValue } from '../../bytes/cbor.js';
import { isBytesOf, isCounter, present, toMap } from '../../bytes/fields.js';
import { type PublicKey, publicKeyMap, readPublicKey } from '../../cose/key.js';
import { SealMQError } from '../../errors.js';
import { isRecordAddress } from '../address.js';
import type { StatementKind } from '../statement.js';

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
    address: fields.required('address', isRecordAddress),
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
    address: fields.required('address', isRecordAddress),
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
