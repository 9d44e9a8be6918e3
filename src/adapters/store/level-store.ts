import type { Level } from 'level';
import { type ErrorCode, SealMQError } from '../../errors.js';
import type { Store, StoreOperation } from '../../ports/store.js';
import { lockInBrowser } from './browser-lock.js';
import { groupCommit, type Write } from './group-commit.js';
import { nodeBuiltin } from './node-builtin.js';
import { databaseState, prepareFolder } from './state-folder.js';

type Database = Level<string, Uint8Array>;

/**
 * Opens a store over `level`: LevelDB in a folder (Node), IndexedDB (browsers). A folder is created with mode 0700, or
 * tightened to it. Nothing is ever deleted or repaired here; LevelDB itself drops the torn end of its newest log, which
 * is what an interrupted write leaves.
 *
 * After a write that failed (a full disk) the store takes no other until it is opened again: LevelDB's log would have a
 * hole, and everything behind it would be lost with the next crash. Whether the failed batch is in shows after opening.
 * Concurrent batches are applied in the order of the calls; closing waits for them.
 *
 * @param location - the folder, or the name of the IndexedDB database
 * @throws `STATE_LOCKED` when another process (browsers: another tab) has it open, `STATE_CORRUPT` when it is damaged,
 *   `STATE_UNAVAILABLE` for any other failure, `USAGE_INVALID_ARGUMENT` for a folder that holds other people's files
 */
export async function openLevelStore(location: string): Promise<Store> {
  const release = await prepareLocation(location);
  try {
    const { Level } = await import('level');
    const database: Database = new Level(location, FORMAT);
    await database.open();
    return levelStore(database, release);
  } catch (error) {
    release();
    throw openingFailure(location, error);
  }
}

/** What lies in it is encrypted, which nothing makes shorter. */
const FORMAT = { keyEncoding: 'utf8', valueEncoding: 'view', compression: false } as const;

/** Gets `location` ready and answers what gives it free again. LevelDB has a lock file of its own. */
async function prepareLocation(location: string): Promise<() => void> {
  const files = nodeBuiltin('fs/promises');
  if (files === undefined) return lockInBrowser(`sealmq ${location}`);
  await prepareFolder(files, location);
  if ((await databaseState(files, location)) === 'damaged') {
    throw new SealMQError('STATE_CORRUPT', `the database in ${location} has lost its file CURRENT, or its log`);
  }
  return () => {};
}

function levelStore(database: Database, release: () => void): Store {
  const { batch, idle } = groupCommit(carefulWrite(database));
  let closed = false;

  return {
    // IndexedDB clones all of the memory that a value is a view of.
    ...(nodeBuiltin('fs/promises') && { copies: true }),
    async get(key) {
      const value = await translated(database.get(key));
      return value && plain(value);
    },
    async batch(operations, options) {
      if (closed) throw new SealMQError('USAGE_CLOSED', 'the store is closed');
      return batch(operations, options);
    },
    async *iterator(range) {
      try {
        // IndexedDB has no snapshots: there one transaction reads the whole range.
        const snapshots = database.supports.implicitSnapshots;
        const entries = snapshots ? database.iterator(range) : await database.iterator(range).all();
        for await (const [key, value] of entries) yield [key, plain(value)];
      } catch (error) {
        throw failure(error);
      }
    },
    async close() {
      closed = true;
      await idle();
      await translated(database.close()).finally(release);
    },
  };
}

/** Writes until LevelDB fails once; from then on answers that failure. */
function carefulWrite(database: Database): Write<StoreOperation> {
  let broken: SealMQError | undefined;
  return async (operations, options) => {
    if (broken !== undefined) throw broken;
    try {
      // Given options, `level` copies them into each operation, which costs more than the write.
      await (options.sync ? database.batch(operations, options) : database.batch(operations));
    } catch (error) {
      const failed = failure(error);
      if (isLevelDbFailure(error)) {
        broken = new SealMQError(
          failed.code,
          'an earlier write failed: nothing is written before the store is opened again',
          error,
        );
      }
      throw failed;
    }
  };
}

/** LevelDB answers Buffers, whose `slice` does not copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

const FAILURES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  LEVEL_LOCKED: ['STATE_LOCKED', 'the state is open in another process'],
  LEVEL_CORRUPTION: ['STATE_CORRUPT', 'the database is damaged'],
  LEVEL_DATABASE_NOT_OPEN: ['USAGE_CLOSED', 'the store is closed'],
  LEVEL_ITERATOR_NOT_OPEN: ['USAGE_CLOSED', 'the store is closed'],
};

/** How LevelDB reports a file that it needs and that is gone, or shorter than it was. */
const DAMAGED_FILE = /No such file or directory|\.(ldb|sst): Invalid argument/;

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw failure(error);
  }
}

function failure(error: unknown): SealMQError {
  if (error instanceof SealMQError) return error;
  const known = FAILURES[codeOf(error)];
  if (known !== undefined) return new SealMQError(known[0], known[1], error);
  if (isLevelDbFailure(error) && DAMAGED_FILE.test(String(error))) {
    return new SealMQError('STATE_CORRUPT', 'the database is damaged', error);
  }
  return new SealMQError('STATE_UNAVAILABLE', 'the store cannot be read or written', error);
}

/** `level` wraps what kept it from opening. */
function openingFailure(location: string, error: unknown): SealMQError {
  if (error instanceof SealMQError) return error;
  const reason = (error as { cause?: unknown } | null)?.cause ?? error;
  const { code, message } = failure(reason);
  return new SealMQError(code, `${location}: ${message}`, error);
}

function isLevelDbFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'LEVEL_IO_ERROR' || code === 'LEVEL_CORRUPTION';
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code);
}
