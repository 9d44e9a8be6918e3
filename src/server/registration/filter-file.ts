import files from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaries, replaceFile } from '../../adapters/store/replace-file.js';
import { inFolder } from '../../adapters/store/state-folder.js';
import { concat, equal } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';

/** The file of the filter, and its copy beside it. Each is the content with its SHA-256 behind it. */
const NAMES = ['registered-ids', 'registered-ids.copy'] as const;
const CHECKSUM_BYTES = 32;

/** One of the two files: what is in it, or why it cannot be used. */
export type StoredFilter =
  | { readonly name: string; readonly content: Uint8Array }
  | { readonly name: string; readonly damage: SealMQError; readonly missing: boolean };

/** Two files of the same content. */
export interface FilterFiles {
  /** The file, then its copy. */
  read(): Promise<readonly StoredFilter[]>;
  /** Replaces one after the other: a process that is killed meanwhile leaves at least one of them whole. */
  write(content: Uint8Array): Promise<void>;
}

/** The files of the filter in `folder`, which exists. */
export function filterFiles(folder: string, provider: CryptoProvider): FilterFiles {
  async function readOne(name: string): Promise<StoredFilter> {
    try {
      const bytes = new Uint8Array(await files.readFile(join(folder, name)));
      const content = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
      const isWhole = equal(await provider.sha256(content), bytes.subarray(content.length));
      return isWhole ? { name, content } : damaged(name, 'its checksum does not fit', false);
    } catch (cause) {
      if ((cause as { code?: unknown }).code === 'ENOENT') return damaged(name, 'it is missing', true);
      return inFolder(folder, Promise.reject(cause));
    }
  }

  return {
    read: () => Promise.all(NAMES.map(readOne)),
    async write(content) {
      const bytes = concat(content, await provider.sha256(content));
      for (const name of NAMES) {
        await removeTemporaries(files, folder, name);
        await replaceFile(files, folder, name, bytes, provider);
      }
    },
  };
}

function damaged(name: string, why: string, missing: boolean): StoredFilter {
  return { name, missing, damage: new SealMQError('STATE_CORRUPT', `the file ${name} is damaged: ${why}`) };
}
