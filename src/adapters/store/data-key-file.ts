import { encodeCbor } from '../../bytes/cbor.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import { nodeBuiltin } from './node-builtin.js';
import { unwrapWithPassphrase, wrapWithPassphrase } from './passphrase.js';
import { removeTemporaries, replaceFile, writeTemporary } from './replace-file.js';
import { DATA_KEY_FILE, databaseState, type Files, inFolder, prepareFolder, syncFolder } from './state-folder.js';
import { bytesField, decodeVersioned } from './versioned-map.js';

const VERSION = 1;
const KEY_BYTES = 32;
const PURPOSE = 'sealmq/1 data-key';
const MAX_FILE_BYTES = 1024;

/**
 * The data key of the database in `folder`: 32 bytes out of the file `data-key` beside it (mode 0600). The first opening
 * draws it; of several processes that do so at once, one wins and all get its key. Call it before the database is opened.
 *
 * The file is deterministic CBOR: `{version: 1, key}`, or `{version: 1, wrapped}` with the container of
 * {@link wrapWithPassphrase}. Without a passphrase the key protects what leaves the machine without the file (a copied
 * database, a discarded sector), not against who reads the whole folder.
 *
 * @throws `STATE_WRONG_PASSPHRASE` for a wrong or missing passphrase, `USAGE_INVALID_ARGUMENT` when one is given and the
 *   key is not protected by any, `STATE_CORRUPT` when the file is damaged, or missing beside an existing database,
 *   `STATE_NEWER_SCHEMA`, `STATE_UNAVAILABLE` when the file system fails or there is none
 */
export async function fileDataKey(folder: string, provider: CryptoProvider, passphrase?: string): Promise<Uint8Array> {
  const files = nodeFiles();
  await prepareFolder(files, folder);
  // The database first: another process may create key and database between the two looks, in this order.
  const database = await databaseState(files, folder);
  const stored = await readKeyFile(files, folder);
  if (stored !== undefined) return decodeKeyFile(stored, provider, passphrase);
  if (database !== 'absent') throw missing(folder);
  const fresh = await encodeKeyFile(provider.randomBytes(KEY_BYTES), provider, passphrase);
  return decodeKeyFile(await createKeyFile(files, folder, fresh, provider), provider, passphrase);
}

/**
 * Wraps the data key of `folder` under another passphrase, atomically; `undefined` stands for no protection. The key
 * itself stays the same: who has a copy of the old file and the old passphrase still opens the database. A messenger may
 * have the folder open meanwhile.
 *
 * @throws as {@link fileDataKey}; on any failure the old file stays as it is
 */
export async function changePassphrase(
  folder: string,
  provider: CryptoProvider,
  from: string | undefined,
  to: string | undefined,
): Promise<void> {
  const files = nodeFiles();
  const stored = await readKeyFile(files, folder);
  if (stored === undefined) throw missing(folder);
  const dataKey = await decodeKeyFile(stored, provider, from);
  const encoded = await encodeKeyFile(dataKey, provider, to);
  // One of them may be a second name of an unprotected key.
  await removeTemporaries(files, folder, DATA_KEY_FILE);
  await replaceFile(files, folder, DATA_KEY_FILE, encoded, provider);
}

async function encodeKeyFile(dataKey: Uint8Array, provider: CryptoProvider, passphrase?: string): Promise<Uint8Array> {
  const secret: [string, Uint8Array] =
    passphrase === undefined
      ? ['key', dataKey]
      : ['wrapped', await wrapWithPassphrase(provider, dataKey, passphrase, PURPOSE)];
  return encodeCbor(new Map<string, number | Uint8Array>([['version', VERSION], secret]));
}

async function decodeKeyFile(stored: Uint8Array, provider: CryptoProvider, passphrase?: string): Promise<Uint8Array> {
  const map = decodeVersioned(stored, VERSION);
  if (!map.has('wrapped')) {
    const dataKey = bytesField(map, 'key', KEY_BYTES);
    if (passphrase === undefined) return dataKey;
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a passphrase is given, but none protects the data key yet');
  }
  if (passphrase === undefined) throw new SealMQError('STATE_WRONG_PASSPHRASE', 'the data key needs its passphrase');
  const dataKey = await unwrapWithPassphrase(provider, bytesField(map, 'wrapped'), passphrase, PURPOSE);
  if (dataKey.length !== KEY_BYTES) throw new SealMQError('STATE_CORRUPT', 'the data key is of a wrong size');
  return dataKey;
}

async function readKeyFile(files: Files, folder: string): Promise<Uint8Array | undefined> {
  const path = pathIn(folder);
  try {
    const { size, mode } = await files.stat(path);
    if (size > MAX_FILE_BYTES) throw new SealMQError('STATE_CORRUPT', `${path} is not a data key`);
    if ((mode & 0o077) !== 0) await files.chmod(path, 0o600);
    return new Uint8Array(await files.readFile(path));
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT') return undefined;
    return inFolder(folder, Promise.reject(cause));
  }
}

/** Writes the file unless there is one by now, and answers the content that stands. */
async function createKeyFile(files: Files, folder: string, content: Uint8Array, provider: CryptoProvider) {
  const temporary = await writeTemporary(files, pathIn(folder), content, provider);
  try {
    await files.link(temporary, pathIn(folder)); // unlike a rename, it never replaces another's file
    await syncFolder(files, folder);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'EEXIST') return inFolder(folder, Promise.reject(cause));
  } finally {
    await inFolder(folder, files.rm(temporary, { force: true }));
  }
  const stored = await readKeyFile(files, folder);
  if (stored === undefined) throw missing(folder);
  return stored;
}

function pathIn(folder: string): string {
  return `${folder}/${DATA_KEY_FILE}`;
}

function nodeFiles(): Files {
  const files = nodeBuiltin('fs/promises');
  if (files === undefined) throw new SealMQError('STATE_UNAVAILABLE', 'this platform has no file system');
  return files;
}

function missing(folder: string): SealMQError {
  return new SealMQError('STATE_CORRUPT', `the data key is missing: ${pathIn(folder)}`);
}
