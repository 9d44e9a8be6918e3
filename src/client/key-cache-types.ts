import type { CryptoProvider } from '../crypto/provider.js';
import type { SealMQError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { KeyDirectory } from '../ports/key-directory.js';
import type { Store } from '../ports/store.js';
import type { DeviceEntry } from '../protocol/identity/device.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import type { TokenRate } from '../protocol/token-bucket.js';

/** A record that differs from the last accepted one in something that matters to people. */
export interface KeyChange {
  readonly address: string;
  readonly previous: KeyRecord;
  readonly current: KeyRecord;
  /** The old identity key stands behind the change: it signed the new one, or is the same. */
  readonly vouched: boolean;
  /** Profiles and suites that the same identity no longer claims. */
  readonly dropped: readonly string[];
  /** True when {@link KeyCacheOptions.onIdentityChange} said `hold`: the previous record stays the known one. */
  readonly held: boolean;
}

/** What becomes of a new identity key: it takes the old one's place, or waits for {@link KeyCache.decide}. */
export type OnKeyChange = 'accept' | 'hold';

/** A newer record of the same identity has other devices: mail goes to, or comes from, somewhere else from now on. */
export interface DevicesChange {
  readonly address: string;
  readonly current: KeyRecord;
  readonly added: readonly DeviceEntry[];
  /** Retired or revoked. */
  readonly removed: readonly DeviceEntry[];
}

/**
 * The directory answered with something older than what is known: it cheats, was restored from a back-up, or stands behind a
 * cache that has not caught up (which passes within minutes).
 */
export interface RefusedRollback {
  readonly address: string;
  readonly known: KeyRecord;
  /** The encoded older record, or `undefined` when the directory states that nobody claimed the address. */
  readonly offered: Uint8Array | undefined;
}

/** Two verified records of one address that exclude each other: evidence of a cheating directory or a copied identity key. */
export interface RecordConflict {
  readonly address: string;
  /** The encoded record that was accepted first. */
  readonly known: Uint8Array;
  readonly other: Uint8Array;
}

/** Somebody's identity key as they have handed it over. */
export interface Introduced {
  readonly address: string;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
  /** Absent where the directory is to supply it. */
  readonly record?: KeyRecord;
}

/** A contact card against what is known of its address: one of the two is false. Nothing was taken over from the card. */
export interface CardConflict extends Introduced {
  readonly other: KeyRecord;
  /** Who has the other: the directory says so now, or this device knows it from before. */
  readonly source: 'directory' | 'known';
}

/** What a key cache tells. Each refused answer is told once. */
export interface KeyCacheEvents {
  keyChanged: KeyChange;
  devicesChanged: DevicesChange;
  rollbackRefused: RefusedRollback;
  conflict: RecordConflict;
  cardConflict: CardConflict;
  /** A look-up failed; where a record is known it goes on being used. */
  warning: SealMQError;
}

/** How a key cache is made. Durations in milliseconds. */
export interface KeyCacheOptions {
  readonly directory: KeyDirectory;
  readonly provider: CryptoProvider;
  /** Where accepted records outlive a restart and an eviction, under `directory/`; without it, rollback protection ends there. */
  readonly store?: Store;
  readonly clock?: Clock;
  /** Records held in memory; default 10,000. */
  readonly max?: number;
  /** How long beyond its life a record is still answered at once, while it is refreshed behind; default one hour. */
  readonly staleWhileRevalidate?: number;
  /**
   * How long after its last confirmation a record is used when the directory cannot be reached, or answers nonsense;
   * default 7 days. Within it mail between known peers flows without any directory; the price is that a revocation can be
   * kept from us for as long. After it look-ups throw.
   */
  readonly maxStale?: number;
  /** Longest life of a negative answer; default 30 s. */
  readonly negativeLife?: number;
  /** Least time between two look-ups of one address that failed, or that messages with unknown key ids cause; default 30 s. */
  readonly cooldown?: number;
  /** Look-ups that received messages may cause, over all addresses; default 50 at once, 5 a second. */
  readonly messageLookups?: TokenRate;
  /** What becomes of a new identity key; asked again at each refresh while it is held. Default: accept, with an event. */
  readonly onIdentityChange?: (change: Omit<KeyChange, 'held'>) => OnKeyChange | Promise<OnKeyChange>;
  /** Told synchronously; must not throw. */
  readonly onEvent?: <Name extends keyof KeyCacheEvents>(name: Name, event: KeyCacheEvents[Name]) => void;
}

/** How one record is asked for. */
export interface LookupOptions {
  /** Ask the directory even though the record is fresh; failures are thrown rather than bridged with what is known. */
  readonly refresh?: boolean;
  /** The record is to be sealed to: the directory is asked where {@link KeyCache.suspect} was called since it last confirmed it. */
  readonly toSeal?: boolean;
  /**
   * The key id (32 bytes) that a received message names. When the known record lacks it, the directory is asked once,
   * within the limits on look-ups that strangers can cause.
   */
  readonly forKid?: Uint8Array;
}

/** Counters since the cache was made. */
export interface KeyCacheStats {
  /** Records in memory. */
  readonly size: number;
  /** Answered without waiting for the directory. */
  readonly hits: number;
  /** Had to wait for the directory. */
  readonly misses: number;
  /** Requests sent to the directory, those behind the scenes included. */
  readonly lookups: number;
  readonly failures: number;
}

/** The verified key records of others, with what it takes to notice a directory that cheats. */
export interface KeyCache {
  /**
   * The record of `address`, or `undefined` when the directory states that nobody has claimed it.
   *
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_CLOSED`; `DIRECTORY_CONFLICT` while two records contradict each other;
   *   `DIRECTORY_IDENTITY_HELD` while a new identity waits for {@link decide}, `DIRECTORY_IDENTITY_REFUSED` after it said no;
   *   `DIRECTORY_RATE_LIMITED` when a message's key id may not be looked up right now, and whatever the directory throws
   *   when nothing known may stand in
   */
  record(address: string, options?: LookupOptions): Promise<KeyRecord | undefined>;

  /** The record in memory if it may be used right now, else `undefined`: ask {@link record}. Never waits; a stale one is refreshed behind. */
  cached(address: string, options?: Pick<LookupOptions, 'toSeal'>): KeyRecord | undefined;

  /** News of records may have been missed: before anything is sealed to a known record again, the directory confirms it. */
  suspect(): void;

  /** Publishes a record of one's own and remembers it. @throws as `KeyDirectory.publish` */
  publish(record: KeyRecord): Promise<void>;

  /**
   * Takes in a record that its owner sent us: a newer one of the same identity, or of one that the known identity vouches for,
   * takes the place of the known one. For any other identity the directory is asked, within the limits on such look-ups.
   *
   * @returns the record that stands now
   * @throws as `record`, and `DIRECTORY_BAD_ANSWER` for what is no record of `address`
   */
  learn(address: string, bytes: Uint8Array): Promise<KeyRecord | undefined>;

  /**
   * Takes in what somebody has handed over, as a contact card does. The directory is asked as well, where it may have the address:
   * when it has another identity, nothing is taken over. When it has none, or cannot be reached, the record that was handed over
   * stands by itself, and so it does at every later look-up that finds none.
   *
   * @param replace - takes the place of whatever is known, and whatever the directory says
   * @returns the record that stands now, of that identity
   * @throws `STATE_CARD_CONFLICT`, `DIRECTORY_CARD_CONFLICT`, both with an event; `DIRECTORY_NOT_FOUND` without a record on either
   *   side; `DIRECTORY_IDENTITY_HELD`, `DIRECTORY_CONFLICT`; what the directory throws when only it could say
   */
  meet(introduced: Introduced, options?: { readonly replace?: boolean }): Promise<KeyRecord>;

  /** The record that stands, fresh or not; nobody is asked. */
  known(address: string): Promise<KeyRecord | undefined>;

  /** Takes over a record that another device of ours stands for, unless one is known; it is suspect, as after {@link suspect}. */
  adopt(record: KeyRecord): Promise<void>;

  /** The record with another identity that the directory offers and that was not accepted. */
  offered(address: string): Promise<KeyRecord | undefined>;

  /**
   * Settles what becomes of the {@link offered} record: it takes the known one's place, or neither is used while the
   * directory goes on offering it. Durable when it resolves; asks no directory.
   *
   * @param identity - thumbprint (32 bytes) of the identity key that is meant
   * @throws `USAGE_INVALID_ARGUMENT` when that one is not offered
   */
  decide(address: string, identity: Uint8Array, decision: 'accept' | 'refuse'): Promise<void>;

  /** Looks failed look-ups up again at once when asked: the network is back. */
  forgetFailures(): void;

  stats(): KeyCacheStats;

  /** Waits for look-ups under way; directory and store stay open, they belong to the caller. */
  close(): Promise<void>;
}
