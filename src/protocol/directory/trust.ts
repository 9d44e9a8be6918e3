import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isArrayOf, isBytes } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { findKey, readUnverified, verifyStatement } from '../statement.js';
import { type KeyList, keyList } from './statements.js';

/**
 * A directory hands out its key lists as a chain, oldest first: one for each roll-over, signed by the old key and naming the
 * new one too, and the present one. So whoever knows any key of the chain can walk on to the present one.
 */

/** Most lists of a chain: who was away for more roll-overs pins anew. */
export const MAX_KEY_LISTS = 16;

const isLists = isArrayOf(isBytes, MAX_KEY_LISTS);

/** The body of `GET /v1/directory-key`: a CBOR array of encoded key lists, oldest first. */
export function encodeKeyLists(lists: readonly Uint8Array[]): Uint8Array {
  return encodeCbor(lists);
}

/** The encoded key lists of a chain. @throws {@link SealMQError} `DIRECTORY_BAD_ANSWER` */
export function decodeKeyLists(bytes: Uint8Array): readonly Uint8Array[] {
  let lists: CborValue;
  try {
    lists = decodeCbor(bytes);
  } catch (cause) {
    throw new SealMQError('DIRECTORY_BAD_ANSWER', 'malformed key lists', cause);
  }
  if (!isLists(lists) || lists.length === 0) throw new SealMQError('DIRECTORY_BAD_ANSWER', 'malformed key lists');
  return lists;
}

/**
 * Walks the chain from the list that is trusted to the newest one it leads to. Lists that no trusted key has signed, and
 * lists older than the trusted one, are passed over.
 *
 * @returns the newest list, or `undefined` when the chain leads nowhere
 */
export function* followKeyLists(
  provider: CryptoProvider,
  trusted: KeyList,
  lists: readonly Uint8Array[],
): Steps<KeyList | undefined> {
  let current: KeyList | undefined;
  for (const bytes of lists) {
    const { keys, issuedAt } = current ?? trusted;
    const next = yield* readList(provider, keys, bytes);
    if (next && next.issuedAt >= issuedAt) current = next;
  }
  return current;
}

/**
 * The list to begin with: what the pinned key leads to, or without a pin the newest list, on its word alone (it must be
 * signed by a key that it names itself).
 *
 * @param pin - thumbprint of a key of the directory, 32 bytes
 * @throws {@link SealMQError} `DIRECTORY_KEY_CHANGED` when no list names the pinned key, `DIRECTORY_BAD_ANSWER`
 */
export function* firstKeyList(
  provider: CryptoProvider,
  lists: readonly Uint8Array[],
  pin: Uint8Array | undefined,
): Steps<KeyList> {
  for (const bytes of lists.toReversed()) {
    const { keys } = readUnverified(keyList, bytes);
    if (!pin) return yield* verifyStatement(provider, keys, keyList, bytes);
    const pinned = yield* findKey(provider, keys, pin);
    if (pinned) {
      // Only what the pinned key itself has signed counts.
      const start: KeyList = { keys: [pinned], issuedAt: 0 };
      return (yield* followKeyLists(provider, start, lists)) ?? start;
    }
  }
  throw new SealMQError('DIRECTORY_KEY_CHANGED', "the pinned key is none of the directory's");
}

/** The list, when one of `keys` signed it. */
function* readList(
  provider: CryptoProvider,
  keys: readonly PublicKey[],
  bytes: Uint8Array,
): Steps<KeyList | undefined> {
  try {
    return yield* verifyStatement(provider, keys, keyList, bytes);
  } catch (error) {
    if (isSealMQError(error, 'DIRECTORY_KEY_CHANGED')) return undefined;
    throw error;
  }
}
