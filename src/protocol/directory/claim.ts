import { equal } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { compareRecords } from '../identity/chain.js';
import type { KeyRecord } from '../identity/record.js';

/** How far the `issuedAt` of a new record may be from directory time, in seconds. */
export const ISSUE_TOLERANCE = 300;

/** What a published record is: a claim of a free address, the successor of the current record, or that record again. */
export type ClaimKind = 'first' | 'next' | 'repeated';

/**
 * Whether `next` may be published where `current` stands. The first claim wins and lasts: an expired record does not free
 * its address. A successor has the next version, names the hash of the current record, and is signed by the same identity
 * key or by one that the current one vouches for. The first claim may have any version: the account has moved here.
 *
 * @param now - directory time in seconds
 * @throws {@link SealMQError} `DIRECTORY_CONFLICT` for a record that does not follow, `DIRECTORY_REFUSED` for one that was not
 *   issued just now, or is expired
 */
export function* judgeClaim(
  provider: CryptoProvider,
  current: KeyRecord | undefined,
  next: KeyRecord,
  now: number,
): Steps<ClaimKind> {
  const change = yield* compareRecords(provider, current, next);
  if (change.kind === 'unchanged') return 'repeated';
  if (current) {
    const known = change.kind === 'newer' || (change.kind === 'identity-changed' && change.vouched);
    const chained = next.version === current.version + 1 && next.previous && equal(next.previous, current.hash);
    if (!known || !chained) throw new SealMQError('DIRECTORY_CONFLICT', REASONS[change.kind]);
  }
  assertIssuedNow(next, now);
  return current ? 'next' : 'first';
}

/**
 * Refuses a record that was not issued just now, or is expired.
 *
 * @param now - directory time in seconds
 * @throws {@link SealMQError} `DIRECTORY_REFUSED`
 */
export function assertIssuedNow(record: KeyRecord, now: number): void {
  if (Math.abs(record.issuedAt - now) > ISSUE_TOLERANCE) {
    throw new SealMQError('DIRECTORY_REFUSED', 'issuedAt is more than five minutes from directory time');
  }
  if (record.expiresAt <= now) throw new SealMQError('DIRECTORY_REFUSED', 'the record is expired');
}

const NOT_NEXT = 'the record does not follow the current one';
const REASONS = {
  first: NOT_NEXT,
  newer: NOT_NEXT,
  rollback: NOT_NEXT,
  conflict: NOT_NEXT,
  'identity-changed': 'the address is claimed by another identity',
  'wrong-address': 'the record is of another address',
} as const;
