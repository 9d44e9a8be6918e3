import { LRUCache } from 'lru-cache';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import type { KeyDirectory } from '../../ports/key-directory.js';
import { type KeyRecord, verifyRecord } from '../../protocol/identity/record.js';

/** Finds key records, and does not ask for the same one all the time. */
export interface RecordLookup {
  /**
   * The record of an address; `undefined` when nobody is registered there.
   *
   * @throws `DIRECTORY_*`: it cannot be said
   */
  find(address: string): Promise<KeyRecord | undefined>;
}

/** Addresses kept in mind, and those that nobody has. */
const MAX_HELD = 10_000;

/** Longest life of an answer, in milliseconds, whatever the directory says: revocations take as long to be seen here. */
const LONGEST_LIFE = 60_000;

/** For how long a directory that failed is not asked again, in milliseconds. */
const COOLDOWN = 5000;

interface Held {
  readonly record: KeyRecord | undefined;
  readonly until: number;
}

/**
 * Look-ups at `directory`.
 *
 * @param now - milliseconds
 */
export function recordLookup(directory: KeyDirectory, provider: CryptoProvider, now: () => number): RecordLookup {
  const held = new LRUCache<string, Held>({ max: MAX_HELD });
  let failure: { readonly error: unknown; readonly until: number } | undefined;

  async function ask(address: string, known: KeyRecord | undefined): Promise<Held> {
    const answer = await directory.lookup(address, known?.hash);
    const until = now() + Math.min(answer.maxAge * 1000, LONGEST_LIFE);
    if (answer.kind === 'none') return { record: undefined, until };
    if (answer.kind === 'unchanged') return { record: known, until };
    const record = await run(verifyRecord(provider, answer.record));
    if (record.address === address) return { record, until };
    throw new SealMQError('DIRECTORY_BAD_ANSWER', 'the directory answered a record of another address');
  }

  return {
    async find(address) {
      const known = held.get(address);
      if (known && now() < known.until) return known.record;
      if (failure && now() < failure.until) throw failure.error;
      try {
        const found = await ask(address, known?.record);
        held.set(address, found);
        return found.record;
      } catch (error) {
        if (isPassing(error)) failure = { error, until: now() + COOLDOWN };
        throw error;
      }
    },
  };
}

/** Whether it would be the same for every address. */
function isPassing(error: unknown): boolean {
  return isSealMQError(error, 'DIRECTORY_UNREACHABLE') || isSealMQError(error, 'DIRECTORY_RATE_LIMITED');
}
