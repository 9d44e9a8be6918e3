import { fresh, giveBack, lend } from '../../bytes/memory.js';
import { asSealMQError, type SealMQError } from '../../errors.js';
import type { PendingOperation, Store, StoreOperation } from '../../ports/store.js';
import { type Batch, groupCommit } from './group-commit.js';

/** A store that can be made to go on trying. What is put and deleted before it is written is never made. */
export interface InsistentStore extends Store {
  batch: Batch<PendingOperation>;
  /**
   * As {@link Store.batch}, for changes that memory has made already and that must follow: after a failure they are written as
   * soon as the store takes them, and nothing overtakes them.
   *
   * @throws what the last try threw, when the store is closed before it took them
   */
  insist: Batch<PendingOperation>;
}

/**
 * {@link InsistentStore} in front of `store`; closing it closes both. Its writes fail with a {@link SealMQError},
 * `STATE_UNAVAILABLE` unless `store` says otherwise.
 *
 * @param onFailure - told of the first failure in a row, and of each later try of what is insisted on
 */
export function insistentStore(store: Store, onFailure: (error: SealMQError) => void): InsistentStore {
  const allocate = store.copies ? lend : fresh;
  const write: Batch<PendingOperation> = async (operations, options) => {
    const values: Uint8Array[] = [];
    const whole = operations.map((operation): StoreOperation => {
      if (operation.type !== 'make') return operation;
      const value = operation.make(allocate);
      values.push(value);
      return { type: 'put', key: operation.key, value };
    });
    try {
      await store.batch(whole, options);
      values.forEach(giveBack);
    } catch (cause) {
      throw asSealMQError(cause, 'STATE_UNAVAILABLE', 'the store cannot be written');
    }
  };
  const { batch, insist, idle } = groupCommit(write, (error) => onFailure(error as SealMQError));
  return {
    ...(store.volatile && { volatile: true }),
    ...{ batch, insist },
    get: (key) => store.get(key),
    iterator: (range) => store.iterator(range),
    async close() {
      await idle();
      await store.close();
    },
  };
}
