import { equal } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { KeyDirectory } from '../../ports/key-directory.js';
import { assertAddress } from '../../protocol/address.js';
import { judgeClaim } from '../../protocol/directory/claim.js';
import { type KeyRecord, verifyRecord } from '../../protocol/identity/record.js';
import { inTurn } from './in-turn.js';

/** How a static directory is made. */
export interface StaticDirectoryOptions {
  readonly provider: CryptoProvider;
  /** Encoded key records, one for each address. */
  readonly records?: Iterable<Uint8Array>;
  /** What it says about the life of its answers, in seconds; default 300. */
  readonly maxAge?: number;
  readonly clock?: Clock;
}

/**
 * A directory in this process: for tests, and for fleets whose records are part of the installation. What is published lives
 * in memory, under the rules of the real directory.
 *
 * @throws `DECODE_*`, `VERIFY_SIGNATURE` for a record that does not verify, `USAGE_INVALID_ARGUMENT` for two of one address
 */
export async function staticDirectory(options: StaticDirectoryOptions): Promise<KeyDirectory> {
  const { provider, records = [], maxAge = 300, clock = systemClock } = options;
  const known = new Map<string, KeyRecord>();
  const next = inTurn();
  for (const bytes of records) {
    const record = await run(verifyRecord(provider, bytes));
    if (known.has(record.address)) throw new SealMQError('USAGE_INVALID_ARGUMENT', `two records of ${record.address}`);
    known.set(record.address, record);
  }

  return {
    async lookup(address, knownHash) {
      const record = known.get(assertAddress(address));
      if (!record) return { kind: 'none', maxAge };
      if (knownHash && equal(knownHash, record.hash)) return { kind: 'unchanged', maxAge };
      return { kind: 'record', record: record.bytes.slice(), maxAge };
    },
    async publish(address, bytes) {
      const record = await verified(provider, assertAddress(address), bytes);
      await next(address, async () => {
        const now = Math.floor(clock.now() / 1000);
        await run(judgeClaim(provider, known.get(address), record, now));
        known.set(address, record);
      });
    },
    time: async () => undefined,
    close: async () => {},
  };
}

async function verified(provider: CryptoProvider, address: string, bytes: Uint8Array): Promise<KeyRecord> {
  let record: KeyRecord;
  try {
    record = await run(verifyRecord(provider, bytes));
  } catch (cause) {
    throw new SealMQError('DIRECTORY_REFUSED', 'the record does not verify', cause);
  }
  if (record.address === address) return record;
  throw new SealMQError('DIRECTORY_REFUSED', 'the record is of another address');
}
