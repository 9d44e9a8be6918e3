import { SealMQError } from '../../errors.js';
import { answerChallenge, type Challenge } from '../../protocol/registration/challenge.js';

/** A registration that waits for its code. */
export interface Pending {
  readonly challenge: Challenge;
  readonly address: string;
  /** Thumbprint of the identity key. */
  readonly identity: Uint8Array;
  /** The encoded record, where the directory is to publish it. */
  readonly record?: Uint8Array;
  /** Keyed hash of the verification id. */
  readonly owner: Uint8Array;
  /** Seconds. */
  readonly startedAt: number;
}

/** What an answer makes of a pending registration. */
export type Answered =
  | { readonly kind: 'right'; readonly pending: Pending }
  | { readonly kind: 'wrong'; readonly triesLeft: number }
  /** Also for an id that never was. */
  | { readonly kind: 'spent' };

/**
 * The registrations that wait for their codes, in memory: a restart forgets them, and people ask for another code. How many there
 * are is bounded, and so is what they hold.
 */
export interface PendingTable {
  readonly size: number;
  /** @throws `DIRECTORY_RATE_LIMITED` while there are too many; nobody's code is given up for another's */
  add(id: string, pending: Pending): void;
  /** A right answer takes the registration out, at once: no two answers get it. */
  answer(id: string, code: string): Answered;
}

/** What records may take in all, in bytes: at the least 500 of the largest. */
const MAX_BYTES = 32 << 20;

/**
 * @param most - registrations at one time
 * @param now - seconds
 */
export function createPendingTable(most: number, now: () => number): PendingTable {
  // All live equally long, so the oldest ones stand in front.
  const table = new Map<string, Pending>();
  let bytes = 0;

  function remove(id: string, { record }: Pending): void {
    table.delete(id);
    bytes -= record?.length ?? 0;
  }

  function removeExpired(): void {
    for (const [id, pending] of table) {
      if (pending.challenge.expiresAt > now()) return;
      remove(id, pending);
    }
  }

  return {
    get size() {
      return table.size;
    },
    add(id, pending) {
      removeExpired();
      const length = pending.record?.length ?? 0;
      if (table.size >= most || bytes + length > MAX_BYTES) {
        throw new SealMQError('DIRECTORY_RATE_LIMITED', 'too many registrations wait for their codes; try again later');
      }
      table.set(id, pending);
      bytes += length;
    },
    answer(id, code) {
      const pending = table.get(id);
      if (!pending) return { kind: 'spent' };
      const outcome = answerChallenge(pending.challenge, code, now());
      if (outcome.kind === 'wrong') {
        table.set(id, { ...pending, challenge: outcome.challenge });
        return { kind: 'wrong', triesLeft: outcome.challenge.triesLeft };
      }
      remove(id, pending);
      return outcome.kind === 'right' ? { kind: 'right', pending } : outcome;
    },
  };
}
