import { SealMQError } from '../../errors.js';

/** The object stores of the database that holds the keys of one state. */
export type KeyObjectStore = 'data-key' | 'private-keys';

/**
 * Does one request in a transaction of its own, durable when it resolves. The database is opened and closed each time:
 * keys are read at start and seldom written.
 *
 * @param name - name of the state
 * @throws `STATE_UNAVAILABLE` when IndexedDB is missing, full or denied
 */
export async function inKeyDatabase<T>(
  name: string,
  objectStore: KeyObjectStore,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  try {
    const database = await openKeyDatabase(name);
    try {
      return await transact(database, objectStore, mode, work);
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new SealMQError('STATE_UNAVAILABLE', 'the keys in IndexedDB cannot be read or written', cause);
  }
}

async function openKeyDatabase(name: string): Promise<IDBDatabase> {
  const request = globalThis.indexedDB.open(`sealmq-keys ${name}`, 1);
  request.onupgradeneeded = () => {
    const objectStores: KeyObjectStore[] = ['data-key', 'private-keys'];
    for (const each of objectStores) request.result.createObjectStore(each);
  };
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function transact<T>(
  database: IDBDatabase,
  objectStore: KeyObjectStore,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const transaction = database.transaction(objectStore, mode, { durability: 'strict' });
  const request = work(transaction.objectStore(objectStore));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}
