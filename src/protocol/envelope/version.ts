import { equal } from '../../bytes/bytes.js';

/** What is known of the newest will or state of one device and channel. */
export interface Version {
  readonly version: number;
  /** The message id (16 bytes): a state that is sealed anew, for another device, keeps it. */
  readonly id: Uint8Array;
}

/** `rolled-back`: older than what is known, or another content under the same version. */
export type VersionOutcome = 'new' | 'duplicate' | 'rolled-back';

/** What `next` is to somebody who knows `known`. */
export function compareVersions(known: Version | undefined, next: Version): VersionOutcome {
  if (!known || next.version > known.version) return 'new';
  return next.version === known.version && equal(next.id, known.id) ? 'duplicate' : 'rolled-back';
}

/**
 * The version after `last`. It follows the clock where it can, so that a store that is an old copy does not fall behind what
 * its receivers know.
 *
 * @param now - milliseconds
 */
export function nextVersion(last: number, now: number): number {
  return Math.max(last + 1, Math.floor(now));
}
