import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Store, StoreOperation } from '../../src/ports/store.js';

/** A store in memory that outlives its messengers and takes no more while it is told so. */
export interface FailingStore extends Store {
  /** Fails the writes that hold an operation like this, as a full disk would; nothing of them is kept. */
  failOn(matches: (operation: StoreOperation) => boolean): void;
  /** Takes writes again. */
  recover(): void;
  /** How many writes failed. */
  readonly failures: number;
  /** A copy of what a process that was killed now would leave. */
  copy(): Promise<FailingStore>;
}

export function failingStore(store: Store = memoryStore()): FailingStore {
  let matches: (operation: StoreOperation) => boolean = () => false;
  let failures = 0;
  return {
    ...store,
    async batch(operations, options) {
      if (!operations.some(matches)) return store.batch(operations, options);
      failures++;
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    },
    close: async () => {},
    failOn(those) {
      matches = those;
    },
    recover() {
      matches = () => false;
    },
    get failures() {
      return failures;
    },
    async copy() {
      const other = memoryStore();
      for await (const [key, value] of store.iterator({})) await other.batch([{ type: 'put', key, value }]);
      return failingStore(other);
    },
  };
}
