import type { Allocate } from '../bytes/memory.js';

/** One change of a {@link Store.batch}. */
export type StoreOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** A put whose value is made when it is written: what is deleted before that is never made. For what a store of ours has in front of it. */
export interface PendingPut {
  readonly type: 'make';
  readonly key: string;
  /** Of the value, in bytes. */
  readonly size: number;
  /** Answers the same value each time, in memory of `allocate`. */
  make(allocate: Allocate): Uint8Array;
}

/** What can be written together: see `insistentStore`. */
export type PendingOperation = StoreOperation | PendingPut;

/** A range of keys in their UTF-8 order. */
export interface StoreRange {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/**
 * Where a messenger keeps its state: an ordered map of text keys to bytes with atomic batches. It is the part of the
 * `abstract-level` interface that SealMQ uses, so `new Level(path, { keyEncoding: 'utf8', valueEncoding: 'view' })` can be
 * handed to `encryptedStore`, which adds the order of concurrent batches that LevelDB's threads do not keep.
 *
 * Every failure rejects; a missing key answers `undefined`. `src/testing/` has a contract suite for implementers.
 */
export interface Store {
  /** True where nothing outlives the object (a store in memory): such a store needs no encryption at rest. */
  readonly volatile?: boolean;

  /**
   * True where the bytes of a value are copied, and nothing else of the memory that it is a view of: once a batch has resolved,
   * that memory is used again. Where it is not said, each value has memory of its own.
   */
  readonly copies?: boolean;

  get(key: string): Promise<Uint8Array | undefined>;

  /**
   * All of `operations`, or none of them, in order; batches take effect in the order of the calls. A process that is
   * killed after the promise resolved finds them.
   *
   * @param options - `sync: true` also survives a loss of power, where the platform can (fsync)
   */
  batch(operations: StoreOperation[], options?: { sync?: boolean }): Promise<void>;

  /** Entries of a range in key order, as they were when the iteration began. */
  iterator(range: StoreRange): AsyncIterable<[key: string, value: Uint8Array]>;

  close(): Promise<void>;
}
