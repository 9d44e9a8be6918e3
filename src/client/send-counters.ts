import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isCounter } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import type { Store, StoreOperation } from '../ports/store.js';

/** The sequence numbers of what this device sends, one numbering per receiver. */
export interface SendCounters {
  /**
   * Gives the next number for `address` to `use`, and counts it only when `use` succeeds: a number is neither skipped nor
   * given twice. What is sent to one address takes its turn; `use` gets the operation that makes the number durable, and
   * commits it together with the message that bears it before it resolves.
   */
  next<T>(address: string, use: (seq: number, operation: StoreOperation) => Promise<T>): Promise<T>;
}

const PREFIX = 'seq/';

/** Counters kept in `store`. */
export function createSendCounters(store: Store): SendCounters {
  const turns = new Map<string, Promise<number>>();

  return {
    next(address, use) {
      const before = turns.get(address) ?? readCounter(store, address);
      const taken = before.then(async (last) => {
        const seq = last + 1;
        const result = await use(seq, { type: 'put', key: PREFIX + address, value: encodeCbor(seq) });
        return { seq, result };
      });
      turns.set(
        address,
        taken.then(
          ({ seq }) => seq,
          () => before,
        ),
      );
      return taken.then(({ result }) => result);
    },
  };
}

async function readCounter(store: Store, address: string): Promise<number> {
  const bytes = await store.get(PREFIX + address);
  if (!bytes) return 0;
  const counter = decodeCbor(bytes);
  if (!isCounter(counter)) throw new SealMQError('STATE_CORRUPT', 'a sequence counter is not a number');
  return counter;
}
