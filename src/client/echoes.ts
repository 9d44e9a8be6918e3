import { toBase64url } from '../bytes/base64url.js';

/**
 * Copies for our other devices are published to our own address, and so come back: sealed to everybody but this device. They
 * are known by their first bytes, the nonce among them, so that they cost neither a write nor a report.
 */
export interface Echoes {
  note(sealed: Uint8Array): void;
  has(sealed: Uint8Array): boolean;
}

/** The header and the nonce of a sealed message lie within these. */
const PREFIX_BYTES = 96;

/** Copies that are remembered; older ones are reported as `not-for-me`, which does no harm. */
const MAX_ECHOES = 4096;

/** None yet. */
export function createEchoes(): Echoes {
  const known = new Set<string>();
  const nameOf = (sealed: Uint8Array) => toBase64url(sealed.subarray(0, PREFIX_BYTES));
  return {
    note(sealed) {
      known.add(nameOf(sealed));
      for (const oldest of known) {
        if (known.size <= MAX_ECHOES) break;
        known.delete(oldest);
      }
    },
    has: (sealed) => known.size > 0 && known.has(nameOf(sealed)),
  };
}
