import { LRUCache } from 'lru-cache';
import { isSealMQError, type SealMQError } from '../errors.js';
import type { DirectoryAnswer, KeyDirectory } from '../ports/key-directory.js';
import { isRegistrationId } from '../protocol/address.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import type { KnownRecords } from './key-cache-entries.js';
import type { Judge } from './key-cache-judge.js';

/** Addresses without a record, or whose look-up failed, that are remembered: strangers choose them. */
const MAX_SHORT_LIVED = 1000;

/** How long a registration id is not asked for again, in seconds: as long as it likes, there is nobody to ask. */
const UNLISTED_LIFE = 24 * 3600;

/** Requests to the directory: one at a time for an address. */
export interface Lookups {
  /**
   * Asks the directory; whoever asks meanwhile gets the same answer, so that none can arrive after a newer one.
   *
   * @throws what the directory or the judge throws
   */
  refresh(address: string): Promise<KeyRecord | undefined>;
  /** Does `work`, which finds a record without a look-up, behind a look-up under way: its older answer must not come later. */
  inTurn(address: string, work: () => Promise<KeyRecord | undefined>): Promise<KeyRecord | undefined>;
  /** The directory's answer, which nobody has taken in yet. @throws what the directory throws */
  consult(address: string): Promise<DirectoryAnswer>;
  isUnderWay(address: string): boolean;
  /** Whether the directory stated a moment ago that nobody has claimed the address. */
  isAbsent(address: string): boolean;
  /** Why the last look-up failed, while the cool-down lasts. */
  recentFailure(address: string): SealMQError | undefined;
  /** Ends all cool-downs. */
  forgetFailures(): void;
  readonly counts: { readonly lookups: number; readonly failures: number };
  /** Resolves when nothing is under way. */
  settle(): Promise<void>;
}

/** What {@link createLookups} needs. Durations in milliseconds. */
interface Parts {
  readonly directory: KeyDirectory;
  readonly records: KnownRecords;
  readonly judge: Judge;
  readonly now: () => number;
  readonly negativeLife: number;
  readonly cooldown: number;
  readonly warn: (error: SealMQError) => void;
}

/** Look-ups at `directory` whose answers `judge` takes in. */
export function createLookups({ directory, records, judge, now, negativeLife, cooldown, warn }: Parts): Lookups {
  const flights = new Map<string, Promise<KeyRecord | undefined>>();
  const absentUntil = new LRUCache<string, number>({ max: MAX_SHORT_LIVED });
  const failed = new LRUCache<string, { error: SealMQError; until: number }>({ max: MAX_SHORT_LIVED });
  const counts = { lookups: 0, failures: 0 };

  /** No directory has a registration id, and asking for one would tell it who writes to whom. */
  async function lookUp(address: string, knownHash?: Uint8Array): Promise<DirectoryAnswer> {
    return isRegistrationId(address) ? { kind: 'none', maxAge: UNLISTED_LIFE } : directory.lookup(address, knownHash);
  }

  async function ask(address: string): Promise<KeyRecord | undefined> {
    const known = await records.load(address);
    const answer = await lookUp(address, known?.record.hash);
    const record = await judge.takeIn(address, known, answer);
    if (!record) absentUntil.set(address, now() + Math.min(answer.maxAge * 1000, negativeLife));
    return record;
  }

  async function lookup(address: string): Promise<KeyRecord | undefined> {
    counts.lookups++;
    try {
      const record = await ask(address);
      failed.delete(address);
      return record;
    } catch (error) {
      counts.failures++;
      if (isSealMQError(error)) {
        failed.set(address, { error, until: now() + cooldown });
        warn(error);
      }
      throw error;
    }
  }

  function depart(address: string, work: Promise<KeyRecord | undefined>): Promise<KeyRecord | undefined> {
    const flight = work.finally(() => {
      if (flights.get(address) === flight) flights.delete(address);
    });
    flights.set(address, flight);
    return flight;
  }

  return {
    counts,
    refresh: (address) => flights.get(address) ?? depart(address, lookup(address)),
    async inTurn(address, work) {
      while (flights.has(address)) await flights.get(address)?.catch(() => {});
      const record = await depart(address, work());
      if (record) {
        absentUntil.delete(address);
        failed.delete(address);
      }
      return record;
    },
    consult: lookUp,
    isUnderWay: (address) => flights.has(address),
    forgetFailures: () => failed.clear(),
    isAbsent: (address) => now() < (absentUntil.get(address) ?? 0),
    recentFailure(address) {
      const failure = failed.get(address);
      return failure && now() < failure.until ? failure.error : undefined;
    },
    async settle() {
      await Promise.allSettled(flights.values());
    },
  };
}
