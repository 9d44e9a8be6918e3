import { inKeyDatabase } from './indexed-db.js';
import { nodeBuiltin } from './node-builtin.js';
import { type Files, inFolder, syncFolder } from './state-folder.js';

/**
 * Says, apart from the database, that an account was kept in it: a database that was cut off opens as if nothing had ever
 * been there, and a new account would take the place of the lost one.
 */
export interface AccountMarker {
  isSet(): Promise<boolean>;
  /** Durable when it resolves; once is enough. Set it when the account is durable. @throws `STATE_UNAVAILABLE` */
  set(): Promise<void>;
}

/** Name of the empty file in a folder, and of the entry beside the data key in browsers. */
const NAME = 'account';

/** The marker of the state at `location`: a folder in Node, a database name in browsers. */
export function accountMarker(location: string): AccountMarker {
  const files = nodeBuiltin('fs/promises');
  return files ? markerFile(files, location) : markerEntry(location);
}

function markerFile(files: Files, folder: string): AccountMarker {
  return {
    isSet: async () => (await inFolder(folder, files.readdir(folder))).includes(NAME),
    async set() {
      await inFolder(folder, files.writeFile(`${folder}/${NAME}`, '', { mode: 0o600, flag: 'a' }));
      await syncFolder(files, folder);
    },
  };
}

function markerEntry(name: string): AccountMarker {
  return {
    isSet: async () => (await inKeyDatabase(name, 'data-key', 'readonly', (store) => store.count(NAME))) > 0,
    async set() {
      await inKeyDatabase(name, 'data-key', 'readwrite', (store) => store.put(true, NAME));
    },
  };
}
