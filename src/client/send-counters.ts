import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isCounter } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import type { Store, StoreOperation } from '../ports/store.js';

/** The sequence numbers of what this device sends: one numbering per receiver and stream. */
export interface SendCounters {
  /**
   * Gives the next number for `address` to `use`, and counts it only when `use` succeeds: a number is neither skipped nor
   * given twice. What is sent to one address takes its turn; `use` gets the operation that makes the number durable, and
   * commits it together with the message that bears it before it resolves.
   */
  next<T>(address: string, stream: number, use: (seq: number, operation: StoreOperation) => Promise<T>): Promise<T>;

  /** The last number given to `address`, 0 before the first. */
  last(address: string, stream: number): Promise<number>;
}

/** Counters kept under `seq/` of `store`. */
export function createSendCounters(store: Store): SendCounters {
  const turns = new Map<string, Promise<number>>();
  const last = (key: string) => turns.get(key) ?? readCounter(store, key);

  return {
    next(address, stream, use) {
      const key = counterKey(address, stream);
      const before = last(key);
      const taken = before.then(async (count) => {
        const seq = count + 1;
        const result = await use(seq, { type: 'put', key, value: encodeCbor(seq) });
        return { seq, result };
      });
      turns.set(
        key,
        taken.then(
          ({ seq }) => seq,
          () => before,
        ),
      );
      return taken.then(({ result }) => result);
    },
    last: (address, stream) => last(counterKey(address, stream)),
  };
}

function counterKey(address: string, stream: number): string {
  return `seq/${address}/${stream}`;
}

async function readCounter(store: Store, key: string): Promise<number> {
  const bytes = await store.get(key);
  if (!bytes) return 0;
  const counter = decodeCbor(bytes);
  if (!isCounter(counter)) throw new SealMQError('STATE_CORRUPT', 'a sequence counter is not a number');
  return counter;
}
