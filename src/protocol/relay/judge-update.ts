import { equal } from '../../bytes/bytes.js';
import { HAND_IN_WINDOW } from './judge-hand-in.js';
import type { PushUpdate, Subscription } from './update.js';

/**
 * How long a relay remembers the number of a device that has taken its subscription back, in seconds: until nothing that was
 * issued before can be in time any more.
 */
export const TOMBSTONE_LIFE = 2 * HAND_IN_WINDOW + 60;

/** What a relay knows of a device: the last update that it took. Times in seconds. */
export interface KnownDevice {
  readonly number: number;
  readonly nonce: Uint8Array;
  /** When it was taken, by the relay's time. */
  readonly takenAt: number;
  readonly subscription?: Subscription;
}

/** What is to be done with an update of a push subscription. */
export type UpdateVerdict =
  | 'take'
  /** It is the one that was taken last. */
  | 'repeat'
  /** Issued too far from the relay's time. */
  | 'stale'
  /** A later one was taken before. */
  | 'outdated';

/** Judges a verified update. An old one is refused by its number as long as a number is known, and by its time in any case. @param now - seconds */
export function judgeUpdate(
  known: KnownDevice | undefined,
  { number, nonce, issuedAt }: Pick<PushUpdate, 'number' | 'nonce' | 'issuedAt'>,
  now: number,
): UpdateVerdict {
  if (known && number === known.number && equal(nonce, known.nonce)) return 'repeat';
  if (Math.abs(issuedAt - now) > HAND_IN_WINDOW) return 'stale';
  return known && number <= known.number ? 'outdated' : 'take';
}

/** Whether there is nothing left to know: expired, or taken back so long ago that no old update is in time. @param now - seconds */
export function isForgettable({ subscription, takenAt }: KnownDevice, now: number): boolean {
  if (!subscription) return now - takenAt > TOMBSTONE_LIFE;
  const { expiresAt } = subscription;
  return expiresAt !== undefined && expiresAt <= now && now - takenAt > TOMBSTONE_LIFE;
}
