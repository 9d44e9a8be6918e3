import { toHex } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Files, inFolder, syncFolder } from './state-folder.js';

/** A complete, synced file of mode 0600 beside `path`; its own path ends in `.tmp`. @throws `STATE_UNAVAILABLE` */
export async function writeTemporary(
  files: Files,
  path: string,
  content: Uint8Array,
  provider: CryptoProvider,
): Promise<string> {
  const temporary = `${path}.${toHex(provider.randomBytes(8))}.tmp`;
  await inFolder(path, files.writeFile(temporary, content, { mode: 0o600, flag: 'wx', flush: true }));
  return temporary;
}

/** Puts a file in the place of another, all of it or nothing, durably. @throws `STATE_UNAVAILABLE` */
export async function replaceFile(
  files: Files,
  folder: string,
  name: string,
  content: Uint8Array,
  provider: CryptoProvider,
): Promise<void> {
  const path = `${folder}/${name}`;
  const temporary = await writeTemporary(files, path, content, provider);
  try {
    await inFolder(folder, files.rename(temporary, path));
    await syncFolder(files, folder);
  } finally {
    await inFolder(folder, files.rm(temporary, { force: true }));
  }
}

/** Removes what a process that was killed in {@link writeTemporary} left behind. @throws `STATE_UNAVAILABLE` */
export async function removeTemporaries(files: Files, folder: string, name: string): Promise<void> {
  for (const found of await inFolder(folder, files.readdir(folder))) {
    const isOurs = found.startsWith(`${name}.`) && /\.[0-9a-f]+\.tmp$/.test(found);
    if (isOurs) await inFolder(folder, files.rm(`${folder}/${found}`, { force: true }));
  }
}
