import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { SealMQError } from '../errors.js';

/** The content of a file that was named on the command line. @throws `USAGE_INVALID_ARGUMENT` when it cannot be read */
export async function readGivenFile(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `cannot read ${path}`, cause);
  }
}

/** Writes a file of mode 0600, whole or not at all. @throws `STATE_UNAVAILABLE` */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new SealMQError('STATE_UNAVAILABLE', `cannot write ${path}`, cause);
  }
}
