import { LRUCache } from 'lru-cache';
import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isBytes, isCounter, isFlag, present, readFields, toMap } from '../bytes/fields.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { type ErrorCode, SealMQError } from '../errors.js';
import type { Store } from '../ports/store.js';
import { type KeyRecord, verifyRecordOf } from '../protocol/identity/record.js';
import type { RecordConflict } from './key-cache-types.js';

/** Why a known record may not be used: the directory offered another that excludes it. */
export type Dispute = Extract<
  ErrorCode,
  'DIRECTORY_CONFLICT' | 'DIRECTORY_IDENTITY_HELD' | 'DIRECTORY_IDENTITY_REFUSED'
>;

const DISPUTES: Readonly<Record<Dispute, string>> = {
  DIRECTORY_CONFLICT: 'two records contradict each other; both are kept as evidence',
  DIRECTORY_IDENTITY_HELD: 'a new identity key waits to be accepted or refused',
  DIRECTORY_IDENTITY_REFUSED: 'a new identity key was refused',
};

/** The error that a dispute stands for. */
export function disputeError(dispute: Dispute, address: string): SealMQError {
  return new SealMQError(dispute, `${address}: ${DISPUTES[dispute]}`);
}

/** The last accepted record of an address. Times in milliseconds of this machine's clock. */
export interface KnownRecord {
  readonly record: KeyRecord;
  /** When the directory last confirmed it. */
  readonly checkedAt: number;
  readonly freshUntil: number;
  readonly dispute?: Dispute;
  /** Its owner handed it over, and no directory has confirmed it since: that none has it is no rollback. */
  readonly byHand?: boolean;
  /** A record with another identity that was held or refused. */
  readonly offered?: KeyRecord;
}

/**
 * The accepted records: the most used ones in memory, all of them in the store. What the store holds is the anchor against
 * rollback, so an entry is durable before anybody sees it.
 */
export interface KnownRecords {
  /** What memory holds. */
  peek(address: string): KnownRecord | undefined;
  /** From memory or store. @throws `STATE_CORRUPT` and the store's own errors */
  load(address: string): Promise<KnownRecord | undefined>;
  save(known: KnownRecord): Promise<void>;
  /** Keeps both records of a conflict. */
  saveEvidence(conflict: RecordConflict): Promise<void>;
  readonly size: number;
}

/** Opens the records under `directory/` of `store`. */
export function knownRecords(max: number, provider: CryptoProvider, store: Store | undefined): KnownRecords {
  const memory = new LRUCache<string, KnownRecord>({ max });
  const loading = new Map<string, Promise<KnownRecord | undefined>>();

  async function read(address: string): Promise<KnownRecord | undefined> {
    const stored = await store?.get(recordKey(address));
    const known = stored && (await decodeKnown(address, stored, provider));
    // Somebody may have saved a newer one while this was reading.
    if (known && !memory.has(address)) memory.set(address, known);
    return memory.peek(address);
  }

  return {
    peek: (address) => memory.get(address),
    async load(address) {
      const held = memory.get(address);
      if (held) return held;
      const pending = loading.get(address) ?? read(address).finally(() => loading.delete(address));
      loading.set(address, pending);
      return pending;
    },
    async save(known) {
      const { address } = known.record;
      await store?.batch([{ type: 'put', key: recordKey(address), value: encodeKnown(known) }]);
      memory.set(address, known);
    },
    async saveEvidence({ address, known, other }) {
      const value = encodeCbor(toMap({ known, other }));
      await store?.batch([{ type: 'put', key: `directory/conflict/${address}`, value }]);
    },
    get size() {
      return memory.size;
    },
  };
}

function recordKey(address: string): string {
  return `directory/record/${address}`;
}

function encodeKnown({ record, offered, checkedAt, freshUntil, dispute, byHand }: KnownRecord): Uint8Array {
  return encodeCbor(toMap({ record: record.bytes, checkedAt, freshUntil, dispute, byHand, offered: offered?.bytes }));
}

async function decodeKnown(address: string, stored: Uint8Array, provider: CryptoProvider): Promise<KnownRecord> {
  const fields = readFields(decodeCbor(stored), 'STATE_CORRUPT', 'known record');
  const offered = fields.optional('offered', isBytes);
  return present({
    record: await run(verifyRecordOf(provider, address, fields.required('record', isBytes))),
    checkedAt: fields.required('checkedAt', isCounter),
    freshUntil: fields.required('freshUntil', isCounter),
    dispute: fields.optional('dispute', isDispute),
    byHand: fields.optional('byHand', isFlag),
    offered: offered && (await run(verifyRecordOf(provider, address, offered))),
  });
}

function isDispute(value: unknown): value is Dispute {
  return typeof value === 'string' && Object.hasOwn(DISPUTES, value);
}
