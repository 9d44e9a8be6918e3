import { SealMQError } from '../../errors.js';
import { nextTask } from '../../pause.js';
import type { PendingOperation, StoreOperation } from '../../ports/store.js';

/** Writes operations, all or none. */
export type Write<O extends PendingOperation> = (operations: O[], options: { sync: boolean }) => Promise<void>;

/** `Store.batch`. */
export type Batch<O extends PendingOperation> = (operations: O[], options?: { sync?: boolean }) => Promise<void>;

/** `Store.batch` in front of a {@link Write}. */
export interface GroupCommit<O extends PendingOperation> {
  readonly batch: Batch<O>;
  /**
   * Like `batch`, but tried again after a failure, with growing pauses, until it is written. Nothing overtakes it: a batch
   * that comes meanwhile is written with it or rejected.
   *
   * @throws what the last try threw, when {@link idle} is called before
   */
  readonly insist: Batch<O>;
  /** Resolves when nothing is under way any more. What was insisted on is tried once more, and then given up. */
  idle(): Promise<void>;
}

interface Waiting<O extends PendingOperation> {
  readonly operations: O[];
  readonly sync: boolean;
  readonly insists: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** Beyond this many bytes of values, the batches that wait make another group. */
const GROUP_BYTES = 1024 * 1024;

/** Before a failed write is tried again, in milliseconds; doubles up to a minute. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 60_000;

/**
 * Lets one write happen at a time: what arrives meanwhile waits and is then written as one group, in the order of the
 * calls. LevelDB's own threads apply concurrent batches in any order, and an older counter could overwrite a newer one;
 * groups are also several times faster than single batches. A group is atomic, so a failed write rejects all of it.
 *
 * A batch that cannot be written (`USAGE_INVALID_ARGUMENT`) is rejected by itself, before it joins a group.
 *
 * @param onFailure - told of the first failure in a row, and of those of later tries that nobody waits for otherwise
 */
export function groupCommit<O extends PendingOperation = StoreOperation>(
  write: Write<O>,
  onFailure: (error: unknown) => void = () => {},
): GroupCommit<O> {
  const waiting: Waiting<O>[] = [];
  let underWay: Promise<void> | undefined;
  let ending = false;
  /** Before the next try; `undefined` while all goes well. */
  let pause: number | undefined;
  let isTimed = false;
  let wake = () => {};

  async function writeGroups(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.splice(0, groupSize(waiting));
      const operations = inOne(group);
      try {
        await write(operations, { sync: group.some((each) => each.sync) });
        for (const each of group) each.resolve();
        pause = undefined;
        isTimed = false;
        // Who has waited for this write may be about to delete what waits for the next.
        if (waiting.length > 0) await nextTask();
      } catch (error) {
        if (pause === undefined || isTimed) onFailure(error);
        pause ??= FIRST_PAUSE;
        if (keep(group, error)) await rest();
      }
    }
    underWay = undefined;
  }

  /** Rejects a failed group, but for what is insisted on: that goes first again, and what waits must not overtake it. */
  function keep(group: readonly Waiting<O>[], error: unknown): boolean {
    if (ending || !group.some((each) => each.insists)) {
      for (const each of group) each.reject(error);
      return false;
    }
    const all = [...group, ...waiting.splice(0)];
    waiting.push(...all.filter((each) => each.insists));
    for (const each of all) if (!each.insists) each.reject(error);
    return true;
  }

  /** Until it is time for the next try, or somebody comes who is not to wait. */
  async function rest(): Promise<void> {
    const length = pause ?? FIRST_PAUSE;
    isTimed = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, length, true);
      wake = () => {
        clearTimeout(timer);
        resolve(false);
      };
    });
    wake = () => {};
    if (isTimed) pause = Math.min(length * 2, LONGEST_PAUSE);
  }

  const add = (insists: boolean): Batch<O> => {
    return async (operations, options) => {
      for (const each of operations) assertComplete(each);
      return new Promise((resolve, reject) => {
        waiting.push({ operations, sync: options?.sync === true, insists, resolve, reject });
        // What nobody waits for may have company at the end of this turn, and what is put and deleted by then is not written at all.
        underWay ??= insists ? nextTask().then(writeGroups) : writeGroups();
        if (!insists) wake();
      });
    };
  };

  return {
    batch: add(false),
    insist: add(true),
    async idle() {
      ending = true;
      wake();
      while (underWay !== undefined) await underWay;
    },
  };
}

/** Refuses what a caller without types may hand in. @throws `USAGE_INVALID_ARGUMENT` */
export function assertComplete(operation: PendingOperation): void {
  const { key, type } = operation;
  const isWhole = type === 'del' || type === 'make' || operation.value instanceof Uint8Array;
  if (typeof key === 'string' && isWhole) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a store maps text to Uint8Arrays');
}

/** The operations of a group; of those on one key the last is what counts. */
function inOne<O extends PendingOperation>(group: readonly Waiting<O>[]): O[] {
  const [first, second] = group;
  if (first && !second) return first.operations;
  const last = new Map<string, O>();
  for (const { operations } of group) for (const each of operations) last.set(each.key, each);
  return [...last.values()];
}

/** How many of `waiting` make the next group: at least one. */
function groupSize(waiting: readonly Waiting<PendingOperation>[]): number {
  let bytes = 0;
  for (const [index, { operations }] of waiting.entries()) {
    for (const each of operations) bytes += sizeOf(each);
    if (bytes > GROUP_BYTES) return Math.max(index, 1);
  }
  return waiting.length;
}

function sizeOf(operation: PendingOperation): number {
  switch (operation.type) {
    case 'put':
      return operation.value.length;
    case 'make':
      return operation.size;
    case 'del':
      return 0;
  }
}
