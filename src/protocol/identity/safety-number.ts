import { fromBase64url, toBase64url } from '../../bytes/base64url.js';
import { concat, equal } from '../../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytesOf, readFields, toMap } from '../../bytes/fields.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { assertAddress } from '../address.js';

/** What the QR code of a safety number begins with; unpadded base64url follows. */
export const SAFETY_PREFIX = 'sealmq:safety/';

/** Most people whose keys one number covers. */
export const MAX_MEMBERS = 256;

/** Hashes for a fingerprint, and again for the number over all of them: what each guess of an attacker costs. */
const ITERATIONS = 5200;

/** The version of the computation; another one gives other numbers. */
const VERSION = 1;

/** Digits come from five bytes each: 2^40 numbers for 10^5 groups, even to one part in 10^7. */
const GROUPS = 12;
const GROUP_BYTES = 5;
const GROUP_DIGITS = 5;

/** The longest text that is looked at. */
const MAX_TEXT = 512;

/** Somebody whose key is compared. */
export interface SafetyMember {
  readonly address: string;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
}

/** A number that is the same for everybody who has the same identity keys for the same people. */
export interface SafetyNumber {
  /** 60 decimal digits in twelve groups of five, a space between them: to be read aloud. */
  readonly digits: string;
  /** The same as text for a QR code: `sealmq:safety/…`. It holds all 512 bits, and whose number it is. */
  readonly code: string;
}

/**
 * The safety number of a set of people, whatever their order.
 *
 * Each member's fingerprint is SHA-512, iterated 5,200 times over version, address and identity key; the number is SHA-512,
 * iterated as often over the sorted fingerprints. Who wants two sets with one number has to find a collision in 60 digits (199
 * bits): 2^99.7 attempts at 5,200 hashes, 2^112 hashes in all, however many of the members are in on it.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for fewer than 2 or more than 256 members, or one that stands twice
 */
export function* safetyNumber(provider: CryptoProvider, members: readonly SafetyMember[]): Steps<SafetyNumber> {
  assertMembers(members);
  const fingerprints: Uint8Array[] = [];
  for (const member of members) fingerprints.push(yield* fingerprint(provider, member));
  return yield* combineFingerprints(provider, members, fingerprints);
}

/** One member's part of every safety number that they belong to, 64 bytes: worth keeping, since it takes 5,200 hashes. */
export function fingerprint(provider: CryptoProvider, { address, identity }: SafetyMember): Steps<Uint8Array> {
  return iterate(provider, encodeCbor(['sealmq/1 fingerprint', VERSION, address, identity]));
}

/** The number over fingerprints that are there already, one for each of `members`, in their order. @throws as {@link safetyNumber} */
export function* combineFingerprints(
  provider: CryptoProvider,
  members: readonly Pick<SafetyMember, 'address'>[],
  fingerprints: readonly Uint8Array[],
): Steps<SafetyNumber> {
  assertMembers(members);
  const all = encodeCbor(['sealmq/1 safety number', VERSION, [...fingerprints].sort(bytewise)]);
  const digest = yield* iterate(provider, yield* step(provider.sha512(all)));
  const content = { version: VERSION, members: yield* membersHash(provider, members), digest };
  return { digits: digitsOf(digest), code: SAFETY_PREFIX + toBase64url(encodeCbor(toMap(content))) };
}

/** What came of a comparison. `other-members`: the scanned number is one of other people, so it says nothing. */
export type Comparison = 'same' | 'different' | 'other-members';

/**
 * Compares a number with what was scanned or typed: its `code`, or the 60 digits, whatever stands between them.
 *
 * @throws {@link SealMQError} `DECODE_SAFETY_NUMBER` for what is neither
 */
export function compareSafetyNumber({ digits, code }: SafetyNumber, scanned: string): Comparison {
  const text = scanned.trim();
  if (text.length > MAX_TEXT) throw unreadable('it is too long');
  if (!text.startsWith(SAFETY_PREFIX)) {
    const typed = text.replace(/[\s-]/g, '');
    if (!/^\d{60}$/.test(typed)) throw unreadable('it is 60 digits, or the text of its QR code');
    return alike(digits.replaceAll(' ', ''), typed) ? 'same' : 'different';
  }
  const [ours, theirs] = [readCode(code), readCode(text)];
  if (!equal(ours.members, theirs.members)) return 'other-members';
  return equal(ours.digest, theirs.digest) ? 'same' : 'different';
}

function* iterate(provider: CryptoProvider, input: Uint8Array): Steps<Uint8Array> {
  let digest = input;
  for (let i = 0; i < ITERATIONS; i++) digest = yield* step(provider.sha512(concat(digest, input)));
  return digest;
}

function digitsOf(digest: Uint8Array): string {
  const groups = Array.from({ length: GROUPS }, (_, i) => {
    const bytes = digest.subarray(i * GROUP_BYTES, (i + 1) * GROUP_BYTES);
    const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0) % 10 ** GROUP_DIGITS;
    return String(number).padStart(GROUP_DIGITS, '0');
  });
  return groups.join(' ');
}

/** Whose number it is, without a list that would not fit into a QR code. */
function* membersHash(provider: CryptoProvider, members: readonly Pick<SafetyMember, 'address'>[]): Steps<Uint8Array> {
  const addresses = members.map(({ address }) => address).sort();
  return yield* step(provider.sha256(encodeCbor(['sealmq/1 safety members', addresses])));
}

const isMembersHash = isBytesOf(32);
const isDigest = isBytesOf(64);
const isVersion = (value: unknown): value is number => value === VERSION;

function readCode(text: string) {
  try {
    const bytes = fromBase64url(text.slice(SAFETY_PREFIX.length));
    const fields = readFields(decodeCbor(bytes), 'DECODE_SAFETY_NUMBER', 'safety number');
    fields.required('version', isVersion);
    return { members: fields.required('members', isMembersHash), digest: fields.required('digest', isDigest) };
  } catch (cause) {
    throw unreadable('its QR code is damaged, or of another version', cause);
  }
}

function unreadable(why: string, cause?: unknown): SealMQError {
  return new SealMQError('DECODE_SAFETY_NUMBER', `not a safety number: ${why}`, cause);
}

function alike(a: string, b: string): boolean {
  const bytes = (text: string) => Uint8Array.from(text, (digit) => Number(digit));
  return equal(bytes(a), bytes(b));
}

function bytewise(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}

/** @throws {@link SealMQError} `USAGE_INVALID_ADDRESS`; `USAGE_INVALID_ARGUMENT` as {@link safetyNumber} */
export function assertMembers(members: readonly Pick<SafetyMember, 'address'>[]): void {
  const addresses = new Set(members.map(({ address }) => assertAddress(address)));
  if (addresses.size < members.length) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'somebody is named twice');
  if (addresses.size >= 2 && addresses.size <= MAX_MEMBERS) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `a safety number is that of 2 to ${MAX_MEMBERS} people`);
}
