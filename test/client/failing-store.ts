import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Store, StoreOperation } from '../../src/ports/store.js';

/** A store in memory that outlives its messengers and takes no more while it is told so. */
export interface FailingStore extends Store {
  /** Fails the writes that hold an operation like this, as a full disk would; nothing of them is kept. */
  failOn(matches: (operation: StoreOperation) => boolean): void;
  /** Fails all reads, too. */
  failReads(): void;
  /** Takes writes, and answers reads, again. */
  recover(): void;
  /** How many reads and writes failed. */
  readonly failures: number;
  /** A copy of what a process that was killed now would leave. */
  copy(): Promise<FailingStore>;
}

export function failingStore(store: Store = memoryStore()): FailingStore {
  let matches: (operation: StoreOperation) => boolean = () => false;
  let unreadable = false;
  let failures = 0;
  const assertReadable = () => {
    if (!unreadable) return;
    failures++;
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
  };
  return {
    ...store,
    async get(key) {
      assertReadable();
      return store.get(key);
    },
    async *iterator(range) {
      assertReadable();
      yield* store.iterator(range);
    },
    async batch(operations, options) {
      if (!operations.some(matches)) return store.batch(operations, options);
      failures++;
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    },
    close: async () => {},
    failOn(those) {
      matches = those;
    },
    failReads() {
      unreadable = true;
    },
    recover() {
      matches = () => false;
      unreadable = false;
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
