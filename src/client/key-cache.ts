import { equal } from '../bytes/bytes.js';
import { run } from '../crypto/steps.js';
import { isSealMQError, SealMQError } from '../errors.js';
import { coarseClock, systemClock } from '../ports/clock.js';
import { assertRecordAddress } from '../protocol/address.js';
import { findDevice } from '../protocol/identity/account.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import { type TokenBucket, takeToken } from '../protocol/token-bucket.js';
import { disputeError, type KnownRecord, knownRecords } from './key-cache-entries.js';
import { createJudge } from './key-cache-judge.js';
import { createLookups } from './key-cache-lookups.js';
import type { KeyCache, KeyCacheOptions } from './key-cache-types.js';

export type {
  CardConflict,
  DevicesChange,
  Introduced,
  KeyCache,
  KeyCacheEvents,
  KeyCacheOptions,
  KeyCacheStats,
  KeyChange,
  LookupOptions,
  OnKeyChange,
  RecordConflict,
  RefusedRollback,
} from './key-cache-types.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DEFAULTS = {
  max: 10_000,
  staleWhileRevalidate: HOUR,
  maxStale: 7 * 24 * HOUR,
  negativeLife: 30 * SECOND,
  cooldown: 30 * SECOND,
  messageLookups: { burst: 50, perSecond: 5 },
};

/** How far the clock may step back before a record counts as stale. */
const CLOCK_SLACK = 300 * SECOND;

/** For how long a record is fresh that its owner published or sent, in seconds. */
const PUBLISHED_LIFE = 60;

/** How far a known record may be relied on: without a question, while asking, when there is no answer, not at all. */
type Standing = 'fresh' | 'stale' | 'fallback' | 'unusable';

/**
 * Stands between a messenger and a key directory: an LRU cache with single flight, stale-while-revalidate and a memory of
 * what was accepted, so that a directory can neither roll back an address nor show two records without being noticed.
 */
export function createKeyCache(options: KeyCacheOptions): KeyCache {
  const { directory, provider, store, clock = coarseClock(systemClock), onEvent } = options;
  const settings = { ...DEFAULTS, ...options };
  const now = () => clock.now();
  const records = knownRecords(settings.max, provider, store);
  const judge = createJudge(records, now, options);
  const lookups = createLookups({
    directory,
    records,
    judge,
    now,
    negativeLife: settings.negativeLife,
    cooldown: settings.cooldown,
    warn: (error) => onEvent?.('warning', error),
  });
  const counts = { hits: 0, misses: 0 };
  let messageBucket: TokenBucket | undefined;
  let suspectedAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  function standing({ checkedAt, freshUntil, dispute }: KnownRecord): Standing {
    const at = now();
    if (dispute) return 'unusable';
    if (at < freshUntil && at > checkedAt - CLOCK_SLACK) return 'fresh';
    if (at < freshUntil + settings.staleWhileRevalidate) return 'stale';
    return at < checkedAt + settings.maxStale ? 'fallback' : 'unusable';
  }

  /** The record when it may be used without waiting; a stale one is refreshed behind. */
  function atHand(address: string, known: KnownRecord | undefined, toSeal = false): KeyRecord | undefined {
    if (!known || (toSeal && isSuspect(known))) return undefined;
    const state = standing(known);
    if (state !== 'fresh') {
      if (state !== 'stale') return undefined;
      refreshBehind(address);
    }
    counts.hits++;
    return known.record;
  }

  /** A failure behind the scenes was counted and told; the record goes on being used. */
  function refreshBehind(address: string): void {
    if (!lookups.recentFailure(address)) lookups.refresh(address).catch(() => {});
  }

  const isSuspect = (known: KnownRecord | undefined) => known !== undefined && known.checkedAt < suspectedAt;

  /** Asks the directory, unless that has just failed. */
  async function ask(address: string): Promise<KeyRecord | undefined> {
    counts.misses++;
    const failure = lookups.recentFailure(address);
    if (failure) throw failure;
    return lookups.refresh(address);
  }

  /** For somebody who writes to `address`: waits for the directory, and bridges its absence with what is known. */
  async function forUse(
    address: string,
    known: KnownRecord | undefined,
    toSeal = false,
  ): Promise<KeyRecord | undefined> {
    const ready = atHand(address, known, toSeal);
    if (ready || lookups.isAbsent(address)) return ready;
    try {
      return await ask(address);
    } catch (error) {
      // The look-up that failed may have found a dispute.
      const latest = records.peek(address) ?? known;
      if (latest && isSealMQError(error) && standing(latest) !== 'unusable') return latest.record;
      throw latest?.dispute ? disputeError(latest.dispute, address) : error;
    }
  }

  /** For a received message that names `kid`. */
  async function forMessage(address: string, known: KnownRecord | undefined, kid: Uint8Array) {
    if (lookups.isAbsent(address)) return undefined;
    if (known) {
      const justChecked = Math.abs(now() - known.checkedAt) < settings.cooldown;
      if (justChecked || (await run(findDevice(provider, known.record, kid)))) return forUse(address, known);
    }
    if (!lookups.isUnderWay(address) && !lookups.recentFailure(address)) payForLookup();
    return ask(address);
  }

  function payForLookup(): void {
    const { bucket, wait } = takeToken(messageBucket, settings.messageLookups, now());
    messageBucket = bucket;
    if (wait > 0) throw new SealMQError('DIRECTORY_RATE_LIMITED', 'too many messages with unknown key ids');
  }

  function assertUsable(address: string): void {
    if (closed) throw new SealMQError('USAGE_CLOSED', 'the key cache is closed');
    assertRecordAddress(address);
  }

  return {
    async record(address, { refresh = false, forKid, toSeal } = {}) {
      assertUsable(address);
      if (refresh) return lookups.refresh(address);
      const known = await records.load(address);
      return forKid ? forMessage(address, known, forKid) : forUse(address, known, toSeal);
    },
    cached: (address, options) => (closed ? undefined : atHand(address, records.peek(address), options?.toSeal)),
    suspect() {
      suspectedAt = now();
    },
    async publish(record) {
      assertUsable(record.address);
      await directory.publish(record.address, record.bytes);
      await lookups.inTurn(record.address, () => judge.remember(record, { maxAge: PUBLISHED_LIFE }));
    },
    async learn(address, bytes) {
      assertUsable(address);
      const learned = await lookups.inTurn(address, async () => {
        const known = await records.load(address);
        return known && judge.learn(known, bytes, PUBLISHED_LIFE);
      });
      if (learned || lookups.recentFailure(address)) return learned;
      payForLookup();
      return lookups.refresh(address);
    },
    async meet(introduced, { replace = false } = {}) {
      const { address } = introduced;
      assertUsable(address);
      let failure: SealMQError | undefined;
      const met = await lookups.inTurn(address, async () => {
        // All of the directory's record: what is known may not be what was handed over.
        const answer = await lookups.consult(address).catch((error: unknown) => {
          if (!isSealMQError(error)) throw error;
          failure = error;
          return undefined;
        });
        return judge.meet(introduced, await records.load(address), answer, replace);
      });
      if (met) return met;
      throw failure ?? new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${address}`);
    },
    known: async (address) => (await records.load(address))?.record,
    async adopt(record) {
      const { address } = record;
      assertUsable(address);
      const source = { maxAge: 0, byHand: true };
      // As old as the other device's last look.
      suspectedAt = now() + 1;
      await lookups.inTurn(
        address,
        async () => (await records.load(address))?.record ?? judge.remember(record, source),
      );
    },
    offered: async (address) => (await records.load(address))?.offered,
    async decide(address, identity, decision) {
      assertUsable(address);
      await lookups.inTurn(address, async () => {
        const known = await records.load(address);
        if (!known?.offered || !equal(known.offered.identity, identity)) {
          throw new SealMQError('USAGE_INVALID_ARGUMENT', `the directory does not offer that identity for ${address}`);
        }
        await judge.decide(known, known.offered, decision);
        return known.record;
      });
    },
    forgetFailures: () => lookups.forgetFailures(),
    stats: () => ({ size: records.size, ...counts, ...lookups.counts }),
    async close() {
      closed = true;
      await lookups.settle();
    },
  };
}
