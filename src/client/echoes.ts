import { toBase64url } from '../bytes/base64url.js';

/**
 * Sealed messages that will come and are no news, known by their first bytes, the nonce among them. Copies for our other
 * devices are published to our own address, and so come back, sealed to everybody but this device: so they cost neither a
 * write nor a report.
 */
export interface Echoes {
  note(sealed: Uint8Array): void;
  has(sealed: Uint8Array): boolean;
}

/** The header and the nonce of a sealed message lie within these. */
const PREFIX_BYTES = 96;

/** So many are remembered; older ones are reported, which does no harm. */
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
