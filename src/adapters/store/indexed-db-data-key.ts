import { isSealMQError, SealMQError } from '../../errors.js';
import { inKeyDatabase } from './indexed-db.js';

/** What lies in IndexedDB; without a wrapping key, `bytes` is the data key itself. */
interface StoredDataKey {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly wrapping?: { readonly key: CryptoKey; readonly iv: Uint8Array<ArrayBuffer> };
}

const ENTRY = 'current';

/**
 * The data key of a browser's state: 32 random bytes, wrapped by a non-extractable AES-GCM CryptoKey that lies beside
 * them in IndexedDB, so that a copy of the browser's profile is not enough where the browser keeps such keys apart. Pages
 * over plain http have no `crypto.subtle`: there the 32 bytes lie in IndexedDB as they are.
 *
 * @param name - name of the state
 * @throws `STATE_CORRUPT` when the stored key does not open, `STATE_UNAVAILABLE` when IndexedDB fails
 */
export async function indexedDbDataKey(name: string): Promise<Uint8Array> {
  const stored = (await read(name)) ?? (await create(name));
  if (stored.wrapping === undefined) return stored.bytes;
  const { key, iv } = stored.wrapping;
  try {
    return new Uint8Array(await globalThis.crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, stored.bytes));
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', 'the data key does not open', cause);
  }
}

function read(name: string): Promise<StoredDataKey | undefined> {
  return inKeyDatabase<StoredDataKey | undefined>(name, 'data-key', 'readonly', (store) => store.get(ENTRY));
}

/** Draws a data key and stores it; when another tab was faster, its key stands. */
async function create(name: string): Promise<StoredDataKey> {
  const fresh = await wrap(globalThis.crypto.getRandomValues(new Uint8Array(32)));
  try {
    await inKeyDatabase(name, 'data-key', 'readwrite', (store) => store.add(fresh, ENTRY));
    return fresh;
  } catch (error) {
    const winner = isSealMQError(error) ? await read(name) : undefined;
    if (winner === undefined) throw error;
    return winner;
  }
}

async function wrap(dataKey: Uint8Array<ArrayBuffer>): Promise<StoredDataKey> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;
  if (subtle === undefined) return { bytes: dataKey };
  const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = globalThis.crypto.getRandomValues(new Uint8Array(12));
  return { bytes: new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, key, dataKey)), wrapping: { key, iv } };
}
