import { fromBase64url } from '../../bytes/base64url.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { readFields } from '../../bytes/fields.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import { type KeyList, keyList } from '../../protocol/directory/statements.js';
import { firstKeyList, followKeyLists } from '../../protocol/directory/trust.js';
import { type StatementKind, verifyStatement } from '../../protocol/statement.js';

/** Reads what the directory has signed. */
export interface DirectoryTrust {
  /**
   * The content of a statement by a trusted key of the directory. A key that is not known is looked for once in the
   * directory's key lists.
   *
   * @throws `DIRECTORY_KEY_CHANGED`, `DIRECTORY_BAD_ANSWER`, and what fetching the key lists throws
   */
  read<T>(kind: StatementKind<T>, statement: Uint8Array): Promise<T>;
  /**
   * The content of a statement that somebody else has brought, by a key that is trusted already; nothing is asked. `undefined`
   * for one by another key.
   *
   * @throws `DIRECTORY_BAD_ANSWER` when it is malformed, or forged in the name of a trusted key
   */
  readBrought<T>(kind: StatementKind<T>, statement: Uint8Array): Promise<T | undefined>;
}

/** What {@link openTrust} needs. */
interface Parts {
  readonly provider: CryptoProvider;
  /** Fetches the directory's chain of key lists. */
  readonly fetchLists: () => Promise<readonly Uint8Array[]>;
  /** Directory time in seconds. */
  readonly now: () => number;
  /** Thumbprint of a key of the directory (base64url). */
  readonly pin?: string;
  readonly store?: Store;
  /** Names the directory in the store. */
  readonly origin: string;
}

/** Trust in one directory: from a pin or on first use, remembered in the store, moved on when a key signs for its successor. */
export function openTrust({ provider, fetchLists, now, pin, store, origin }: Parts): DirectoryTrust {
  const storeKey = `directory/trust/${origin} ${pin ?? 'first-use'}`;
  const pinned = pin === undefined ? undefined : readPin(pin);
  let trusted: KeyList | undefined;
  let renewal: Promise<KeyList> | undefined;

  async function remembered(): Promise<KeyList | undefined> {
    const stored = await store?.get(storeKey);
    return stored && keyList.read(readFields(decodeCbor(stored), 'STATE_CORRUPT', 'trusted directory keys'));
  }

  async function renewed(known: KeyList | undefined): Promise<KeyList> {
    const lists = await fetchLists();
    const next = await run(known ? followKeyLists(provider, known, lists) : firstKeyList(provider, lists, pinned));
    if (!next)
      throw new SealMQError('DIRECTORY_KEY_CHANGED', 'no key list leads on from the known key of the directory');
    await store?.batch([{ type: 'put', key: storeKey, value: encodeCbor(keyList.encode(next)) }]);
    trusted = next;
    return next;
  }

  /** Fetches the key lists, once for all who wait. */
  function renew(known: KeyList | undefined): Promise<KeyList> {
    renewal ??= renewed(known).finally(() => {
      renewal = undefined;
    });
    return renewal;
  }

  async function present(): Promise<KeyList> {
    trusted ??= await remembered();
    // A list of a roll-over names two keys; after its end one of them must not be trusted any longer.
    const rolledOver = trusted?.expiresAt !== undefined && trusted.expiresAt < now();
    return trusted && !rolledOver ? trusted : renew(trusted);
  }

  return {
    async readBrought(kind, statement) {
      trusted ??= await remembered();
      try {
        return await run(verifyStatement(provider, trusted?.keys ?? [], kind, statement));
      } catch (error) {
        if (isSealMQError(error, 'DIRECTORY_KEY_CHANGED')) return undefined;
        throw error;
      }
    },
    async read(kind, statement) {
      const known = await present();
      try {
        return await run(verifyStatement(provider, known.keys, kind, statement));
      } catch (error) {
        if (!isSealMQError(error, 'DIRECTORY_KEY_CHANGED')) throw error;
        const next = await renew(known);
        return await run(verifyStatement(provider, next.keys, kind, statement));
      }
    },
  };
}

function readPin(pin: string): Uint8Array {
  const thumbprint = fromBase64url(pin);
  if (thumbprint.length === 32) return thumbprint;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a pin is the base64url thumbprint (32 bytes) of a directory key');
}
