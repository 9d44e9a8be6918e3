import { SealMQError } from '../../errors.js';
import type { Store, StoreOperation } from '../../ports/store.js';

/** Writes operations, all or none. */
export type Write = (operations: StoreOperation[], options: { sync: boolean }) => Promise<void>;

/** {@link Store.batch} in front of a {@link Write}. */
export interface GroupCommit {
  readonly batch: Store['batch'];
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly operations: StoreOperation[];
  readonly sync: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** Beyond this many bytes of values, the batches that wait make another group. */
const GROUP_BYTES = 1024 * 1024;

/**
 * Lets one write happen at a time: what arrives meanwhile waits and is then written as one group, in the order of the
 * calls. LevelDB's own threads apply concurrent batches in any order, and an older counter could overwrite a newer one;
 * groups are also several times faster than single batches. A group is atomic, so a failed write rejects all of it.
 *
 * A batch that cannot be written (`USAGE_INVALID_ARGUMENT`) is rejected by itself, before it joins a group.
 */
export function groupCommit(write: Write): GroupCommit {
  const waiting: Waiting[] = [];
  let underWay: Promise<void> | undefined;

  async function writeGroups(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.splice(0, groupSize(waiting));
      const operations = group.flatMap((each) => each.operations);
      try {
        await write(operations, { sync: group.some((each) => each.sync) });
        for (const each of group) each.resolve();
      } catch (error) {
        for (const each of group) each.reject(error);
      }
    }
    underWay = undefined;
  }

  return {
    async batch(operations, options) {
      for (const each of operations) assertComplete(each);
      return new Promise((resolve, reject) => {
        waiting.push({ operations, sync: options?.sync === true, resolve, reject });
        underWay ??= writeGroups();
      });
    },
    async idle() {
      while (underWay !== undefined) await underWay;
    },
  };
}

/** Refuses what a caller without types may hand in. @throws `USAGE_INVALID_ARGUMENT` */
export function assertComplete(operation: StoreOperation): void {
  const { type, key } = operation;
  if (typeof key === 'string' && (type === 'del' || operation.value instanceof Uint8Array)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a store maps text to Uint8Arrays');
}

/** How many of `waiting` make the next group: at least one. */
function groupSize(waiting: readonly Waiting[]): number {
  let bytes = 0;
  for (const [index, { operations }] of waiting.entries()) {
    for (const each of operations) bytes += each.type === 'put' ? each.value.length : 0;
    if (bytes > GROUP_BYTES) return Math.max(index, 1);
  }
  return waiting.length;
}
