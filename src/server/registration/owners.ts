import { toBase64url } from '../../bytes/base64url.js';
import { equal } from '../../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isArrayOf, isBytesOf, isCounter } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import type { Store, StoreOperation } from '../../ports/store.js';

/**
 * Which addresses belong to which verification id, both as keyed hashes: enough to let a second registration replace the first, not
 * enough to say who is registered.
 */
export interface Owners {
  /**
   * What makes `address` one of `owner`'s.
   *
   * @returns the operations of one batch
   * @throws `DIRECTORY_CONFLICT` when the owner holds as many others as is allowed, and none is to be given up
   */
  claim(owner: Uint8Array, address: Uint8Array, now: number): Promise<StoreOperation[]>;
  /** Whether `address` was given up for a later one. */
  isReplaced(address: Uint8Array): Promise<boolean>;
  /** Forgets what was given up before `time` (seconds). */
  forgetBefore(time: number): Promise<void>;
}

const OWNER = 'registration/owner/';
const REPLACED = 'registration/replaced/';
const MAX_ADDRESSES = 10_000;
const isAddresses = isArrayOf(isBytesOf(32), MAX_ADDRESSES);

/**
 * @param most - addresses of one verification id; `false` keeps nothing
 * @param replace - whether the oldest is given up when there are more
 */
export function openOwners(store: Store, most: number | false, replace: boolean): Owners {
  if (most !== false && !(Number.isSafeInteger(most) && most >= 1 && most <= MAX_ADDRESSES)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `a verification id holds 1 to ${MAX_ADDRESSES} addresses`);
  }

  async function held(owner: Uint8Array): Promise<readonly Uint8Array[]> {
    const bytes = await store.get(OWNER + toBase64url(owner));
    if (!bytes) return [];
    const addresses = decodeCbor(bytes);
    if (isAddresses(addresses)) return addresses;
    throw new SealMQError('STATE_CORRUPT', 'what is kept of a verification id is malformed');
  }

  return {
    async claim(owner, address, now) {
      if (most === false) return [];
      const others = (await held(owner)).filter((other) => !equal(other, address));
      if (others.length >= most && !replace) {
        throw new SealMQError('DIRECTORY_CONFLICT', 'this mailbox or telephone has registered another address');
      }
      const kept = [...others, address].slice(-most);
      const replaced = others.slice(0, others.length + 1 - kept.length);
      return [
        { type: 'put', key: OWNER + toBase64url(owner), value: encodeCbor(kept) },
        ...replaced.map((other) => put(REPLACED + toBase64url(other), encodeCbor(now))),
        // An address that comes back is not replaced any more.
        { type: 'del', key: REPLACED + toBase64url(address) },
      ];
    },
    async isReplaced(address) {
      return (await store.get(REPLACED + toBase64url(address))) !== undefined;
    },
    async forgetBefore(time) {
      const old: StoreOperation[] = [];
      for await (const [key, value] of store.iterator({ gt: REPLACED, lt: `${REPLACED}~` })) {
        const replacedAt = decodeCbor(value);
        if (isCounter(replacedAt) && replacedAt < time) old.push({ type: 'del', key });
      }
      if (old.length > 0) await store.batch(old);
    },
  };
}

function put(key: string, value: Uint8Array): StoreOperation {
  return { type: 'put', key, value };
}
