import type { Store, StoreOperation } from '../ports/store.js';

/**
 * Writes to a store in the order of the calls. What comes while a batch is on its way is written together in the next
 * one, so that a thousand small writes cost a handful of batches.
 */
export interface Journal {
  /** Resolves when `operations` are durable: all of them, in one batch. */
  write(operations: readonly StoreOperation[]): Promise<void>;
  /** Resolves when everything written so far is durable. */
  settled(): Promise<void>;
}

/** A {@link Journal} over `store`; with `sync` it also survives a loss of power. */
export function createJournal(store: Store, { sync = false }: { sync?: boolean } = {}): Journal {
  let gathering: { operations: StoreOperation[]; done: Promise<void> } | undefined;
  let last: Promise<void> = Promise.resolve();

  const write: Journal['write'] = (operations) => {
    if (!gathering) {
      const batch: { operations: StoreOperation[]; done: Promise<void> } = { operations: [], done: last };
      // The batch is closed when the one before it is through, whether that went well or not.
      batch.done = last.then(
        () => commit(batch.operations),
        () => commit(batch.operations),
      );
      last = batch.done;
      gathering = batch;
    }
    gathering.operations.push(...operations);
    return gathering.done;
  };
  const commit = (operations: StoreOperation[]) => {
    gathering = undefined;
    return store.batch(operations, { sync });
  };
  return { write, settled: () => last };
}
