/** Looks at what lies in IndexedDB as somebody with the developer tools would. */
import { openLevelStore } from 'sealmq';

/** A CryptoKey that lies in IndexedDB. */
export interface KeyAtRest {
  readonly where: string;
  readonly type: KeyType;
  readonly algorithm: string;
  readonly extractable: boolean;
  /** The formats in which the browser gave it away. */
  readonly exported: readonly string[];
}

/** What the page finds of itself at rest. */
export interface AtRest {
  keysAtRest(): Promise<KeyAtRest[]>;
  /** How many values there are. */
  valuesAtRest(): Promise<number>;
  /** Bytes of memory that lie there although no value shows them. */
  unseenAtRest(): Promise<number>;
  /** The places of values in which `text` stands. */
  placesOf(text: string): Promise<string[]>;
  /** Stores a value in clear, to see that it would be found. */
  storeInClear(text: string): Promise<void>;
}

interface Entry {
  readonly where: string;
  readonly value: unknown;
}

/** Everything in every database of this origin. */
async function entries(): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    for (const storeName of database.objectStoreNames) {
      const store = database.transaction(storeName).objectStore(storeName);
      const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
      values.forEach((value: unknown, i) => {
        found.push({ where: `${name}/${storeName}/${text(keys[i])}`, value });
      });
    }
    database.close();
  }
  return found;
}

/** The parts of a value that hold no others. */
function leaves({ where, value }: Entry): Entry[] {
  if (typeof value !== 'object' || value === null || isBytes(value) || isCryptoKey(value)) return [{ where, value }];
  return Object.entries(value).flatMap(([name, part]) => leaves({ where: `${where}/${name}`, value: part }));
}

async function keyAtRest(where: string, key: CryptoKey): Promise<KeyAtRest> {
  const exported: string[] = [];
  for (const format of ['jwk', 'pkcs8', 'raw'] as const) {
    await crypto.subtle.exportKey(format as 'jwk', key).then(
      () => exported.push(format),
      () => {},
    );
  }
  return { where, type: key.type, algorithm: key.algorithm.name, extractable: key.extractable, exported };
}

/**
 * Bytes as one character each, so that any text of ASCII can be found in them: all of the memory that a view is of, since that
 * is what lies there.
 */
function text(value: unknown): string {
  if (!isBytes(value)) return String(value);
  return new TextDecoder('latin1').decode(ArrayBuffer.isView(value) ? value.buffer : value);
}

function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Pages over plain http do not even have the class. */
function isCryptoKey(value: unknown): value is CryptoKey {
  return 'CryptoKey' in globalThis && value instanceof CryptoKey;
}

export const atRest: AtRest = {
  async keysAtRest() {
    const found = (await entries()).flatMap(leaves);
    return Promise.all(found.flatMap(({ where, value }) => (isCryptoKey(value) ? keyAtRest(where, value) : [])));
  },
  valuesAtRest: async () => (await entries()).length,
  async unseenAtRest() {
    const views = (await entries()).flatMap(leaves).flatMap(({ value }) => (ArrayBuffer.isView(value) ? [value] : []));
    return views.reduce((sum, { buffer, byteLength }) => sum + buffer.byteLength - byteLength, 0);
  },
  async placesOf(wanted) {
    const found = (await entries()).flatMap(leaves).filter(({ value }) => text(value).includes(wanted));
    return found.map(({ where }) => where);
  },
  async storeInClear(value) {
    const store = await openLevelStore('in clear');
    await store.batch([{ type: 'put', key: 'note', value: new TextEncoder().encode(value) }]);
    await store.close();
  },
};
