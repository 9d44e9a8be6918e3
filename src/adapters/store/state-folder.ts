import type * as NodeFiles from 'node:fs/promises';
import { SealMQError } from '../../errors.js';

/** The part of Node's `fs/promises` that the stores use. */
export type Files = typeof NodeFiles;

/** Name of the file beside the database that holds its data key. */
export const DATA_KEY_FILE = 'data-key';

const GROUP_AND_OTHERS = 0o077;
const DATA_FILE = /^\d+\.(log|ldb|sst)$/;
const LOG_FILE = /^\d+\.log$/;

/** What LevelDB names in CURRENT before it has opened a new database for the first time; never again later. */
const FIRST_MANIFEST = 'MANIFEST-000001';

/**
 * What the folder holds of a LevelDB. LevelDB names its database in the file CURRENT before it writes the first data
 * file: data without CURRENT is a damaged database, and opening it as it is would start an empty one. Once opened it always has
 * a log, and LevelDB does not notice when that is gone: what was not in a table yet would be forgotten.
 */
export type DatabaseState = 'absent' | 'present' | 'damaged';

/** Looks, without touching anything, whether `folder` holds a database. @throws `STATE_UNAVAILABLE` */
export async function databaseState(files: Files, folder: string): Promise<DatabaseState> {
  const names = await inFolder(folder, files.readdir(folder));
  if (names.includes('CURRENT')) {
    const isWhole = names.some((name) => LOG_FILE.test(name)) || names.includes(FIRST_MANIFEST);
    return isWhole ? 'present' : 'damaged';
  }
  return names.some((name) => DATA_FILE.test(name)) ? 'damaged' : 'absent';
}

/**
 * Makes sure that `folder` exists and that nobody but its owner gets in (mode 0700; Windows has no such modes).
 *
 * @throws `USAGE_INVALID_ARGUMENT` when others may enter it and it holds files that are not ours: it would have to be
 *   closed to those who share it. `STATE_UNAVAILABLE` when it cannot be created or tightened
 */
export async function prepareFolder(files: Files, folder: string): Promise<void> {
  await inFolder(folder, files.mkdir(folder, { recursive: true, mode: 0o700 }));
  const { mode } = await inFolder(folder, files.stat(folder));
  if (globalThis.process.platform === 'win32' || (mode & GROUP_AND_OTHERS) === 0) return;
  const names = await inFolder(folder, files.readdir(folder));
  const isOurs = names.some((name) => name === 'CURRENT' || name.startsWith(DATA_KEY_FILE));
  if (names.length > 0 && !isOurs) {
    throw new SealMQError(
      'USAGE_INVALID_ARGUMENT',
      `${folder} is shared with other files: give the state its own folder`,
    );
  }
  await inFolder(folder, files.chmod(folder, 0o700));
}

/** Makes a new directory entry durable, where the platform lets a folder be synced (Windows does not). */
export async function syncFolder(files: Files, folder: string): Promise<void> {
  if (globalThis.process.platform === 'win32') return;
  const handle = await inFolder(folder, files.open(folder));
  try {
    await inFolder(folder, handle.sync());
  } finally {
    await handle.close();
  }
}

/** What `work` resolves to; a failure of the file system becomes `STATE_UNAVAILABLE`. */
export async function inFolder<T>(folder: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof SealMQError) throw cause;
    throw new SealMQError('STATE_UNAVAILABLE', `the state folder ${folder} cannot be used`, cause);
  }
}
