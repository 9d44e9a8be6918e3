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

  /**
   * {@link next} for several addresses at once, all different: their numbers, in their order. It takes its turn with each in the
   * same moment, so that two of these never wait for one another.
   */
  nextOfAll<T>(
    addresses: readonly string[],
    stream: number,
    use: (seqs: readonly number[], operations: readonly StoreOperation[]) => Promise<T>,
  ): Promise<T>;

  /** The last number given to `address`, 0 before the first; one that is being given does not count. */
  last(address: string, stream: number): Promise<number>;
}

/** Counters kept under `seq/` of `store`. */
export function createSendCounters(store: Store): SendCounters {
  const turns = new Map<string, Promise<number>>();
  /** The last numbers given by this process: what asks for them must not wait for who sends. */
  const given = new Map<string, number>();
  const before = (key: string) => turns.get(key) ?? readCounter(store, key);

  const nextOfAll: SendCounters['nextOfAll'] = (addresses, stream, use) => {
    const keys = addresses.map((address) => counterKey(address, stream));
    const previous = keys.map(before);
    const taken = Promise.all(previous).then(async (counts) => {
      const seqs = counts.map((count) => count + 1);
      const put = (key: string, i: number) => ({ type: 'put' as const, key, value: encodeCbor(seqs[i] as number) });
      const result = await use(seqs, keys.map(put));
      for (const [i, key] of keys.entries()) given.set(key, seqs[i] as number);
      return { seqs, result };
    });
    for (const [i, key] of keys.entries()) {
      turns.set(
        key,
        taken.then(
          ({ seqs }) => seqs[i] as number,
          () => previous[i] as Promise<number>,
        ),
      );
    }
    return taken.then(({ result }) => result);
  };

  return {
    nextOfAll,
    next: (address, stream, use) =>
      nextOfAll([address], stream, ([seq], [operation]) => use(seq as number, operation as StoreOperation)),
    async last(address, stream) {
      const key = counterKey(address, stream);
      return given.get(key) ?? readCounter(store, key);
    },
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
