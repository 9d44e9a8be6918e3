import { LRUCache } from 'lru-cache';
import { inTurn } from '../../adapters/directory/in-turn.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import { type ClaimKind, judgeClaim } from '../../protocol/directory/claim.js';
import { compareRecords } from '../../protocol/identity/chain.js';
import { type KeyRecord, verifyRecord, verifyRecordOf, verifyRelayRecord } from '../../protocol/identity/record.js';
import type { RegistrationOptions } from '../registration/options.js';
import type { KeyProviderOptions } from './options.js';

/** The published records. */
export interface Records {
  /** The current record of an address (checked syntactically before). */
  get(address: string): Promise<KeyRecord | undefined>;
  /**
   * Publishes an encoded record; durable when it resolves.
   *
   * @param challenged - when its owner asked for the challenge that he answered since, in seconds
   * @throws `DECODE_*`, `VERIFY_SIGNATURE`, `USAGE_INVALID_ARGUMENT` for a record of another address, `DIRECTORY_CONFLICT`,
   *   `DIRECTORY_REFUSED`
   */
  publish(address: string, bytes: Uint8Array, headers: Headers, challenged?: number): Promise<ClaimKind>;
  /**
   * Publishes the record of the relay, on the word of whoever runs this directory: another identity may take its place, an
   * earlier version of the same may not. Durable when it resolves.
   *
   * @throws `DECODE_*`, `VERIFY_SIGNATURE`, `DIRECTORY_CONFLICT`
   */
  publishRelay(bytes: Uint8Array): Promise<void>;
}

/** Verified records kept in memory. */
const MAX_HELD = 10_000;

/**
 * The records under `record/` of `store`.
 *
 * @param now - seconds
 * @param mode - how people register, if not by publishing
 */
export function openRecords(
  store: Store,
  provider: CryptoProvider,
  now: () => number,
  claimPolicy: NonNullable<KeyProviderOptions['claimPolicy']>,
  mode: RegistrationOptions['mode'] | undefined,
): Records {
  const held = new LRUCache<string, KeyRecord>({ max: MAX_HELD });
  const next = inTurn();

  async function get(address: string): Promise<KeyRecord | undefined> {
    const known = held.get(address);
    if (known) return known;
    const bytes = await store.get(recordKey(address));
    if (!bytes) return undefined;
    const record = await verifyStored(provider, address, bytes);
    // A newer one may have been published while this was read.
    const newer = held.get(address);
    if (newer) return newer;
    held.set(address, record);
    return record;
  }

  async function put(record: KeyRecord, headers: Headers, challenged: number | undefined): Promise<ClaimKind> {
    const current = await get(record.address);
    const kind = await run(judgeClaim(provider, current, record, challenged ?? now()));
    if (kind === 'repeated') return kind;
    if (kind === 'first' && mode !== undefined && challenged === undefined) {
      throw new SealMQError('DIRECTORY_REFUSED', 'addresses are registered with a code here: POST /v1/registrations');
    }
    const decision = await claimPolicy({ record, current, headers });
    if (decision !== 'allow') throw new SealMQError('DIRECTORY_REFUSED', decision.refused);
    await keep(record);
    return kind;
  }

  async function keep(record: KeyRecord): Promise<void> {
    await store.batch([{ type: 'put', key: recordKey(record.address), value: record.bytes }], { sync: true });
    held.set(record.address, record);
  }

  async function putRelay(record: KeyRecord): Promise<void> {
    const { kind } = await run(compareRecords(provider, await get(record.address), record));
    if (kind === 'unchanged') return;
    if (kind === 'rollback' || kind === 'conflict') {
      throw new SealMQError('DIRECTORY_CONFLICT', 'the directory has a later record of this relay');
    }
    await keep(record);
  }

  return {
    get,
    async publish(address, bytes, headers, challenged) {
      if (mode === 'anonymous')
        throw new SealMQError('DIRECTORY_REFUSED', 'no records are kept here: hand out contact cards');
      const record = await run(verifyRecord(provider, bytes));
      if (record.address !== address) {
        throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the record is of another address');
      }
      return next(address, () => put(record, headers, challenged));
    },
    async publishRelay(bytes) {
      const record = await run(verifyRelayRecord(provider, bytes));
      return next(record.address, () => putRelay(record));
    },
  };
}

function recordKey(address: string): string {
  return `record/${address}`;
}

/** What was verified when it was published must verify again. */
async function verifyStored(provider: CryptoProvider, address: string, bytes: Uint8Array): Promise<KeyRecord> {
  try {
    return await run(verifyRecordOf(provider, address, bytes));
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', `the stored record of ${address} does not verify`, cause);
  }
}
