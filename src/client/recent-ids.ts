import { equal } from '../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import type { Store, StoreOperation } from '../ports/store.js';

/** Numbers of one numbering whose ids are remembered: the last of them, each in the slot of its remainder. */
const SLOTS = 256;

/** Bytes of an id that are kept: enough to tell two of one number apart. */
const KEPT_BYTES = 8;

/** Slots held in memory, over all numberings: those that may not be durable yet are among them. */
const MAX_CACHED = 10_000;

/** Remembers, for the last numbers of each numbering, under which message id they came. */
export interface RecentIds {
  /** Remembers the id; durable with the operation. `numbering` is the key of a numbering. */
  note(numbering: string, seq: number, id: Uint8Array): StoreOperation;
  /** Whether `seq` is among the last numbers, and came under another id. */
  differs(numbering: string, seq: number, id: Uint8Array): Promise<boolean>;
  /** The operations that forget all ids of a numbering. */
  forget(numbering: string): Promise<StoreOperation[]>;
}

/** The memory under `recent/` of `store`. */
export function createRecentIds(store: Store): RecentIds {
  const cached = new Map<string, Uint8Array>();
  const prefixOf = (numbering: string) => `recent/${numbering}/`;
  const slotOf = (numbering: string, seq: number) => `${prefixOf(numbering)}${seq % SLOTS}`;
  const encode = (seq: number, id: Uint8Array) => encodeCbor([seq, id.subarray(0, KEPT_BYTES)]);

  return {
    note(numbering, seq, id) {
      const key = slotOf(numbering, seq);
      const value = encode(seq, id);
      cached.delete(key);
      cached.set(key, value);
      const [oldest] = cached.size > MAX_CACHED ? cached.keys() : [];
      if (oldest !== undefined) cached.delete(oldest);
      return { type: 'put', key, value };
    },
    async differs(numbering, seq, id) {
      const key = slotOf(numbering, seq);
      const known = cached.get(key) ?? (await store.get(key));
      if (!known || equal(known, encode(seq, id))) return false;
      const remembered = decodeCbor(known);
      // The slot may belong to another number by now.
      return Array.isArray(remembered) && remembered[0] === seq;
    },
    async forget(numbering) {
      const prefix = prefixOf(numbering);
      const slots = new Set<string>();
      for await (const [key] of store.iterator({ gte: prefix, lt: `${prefix}:` })) slots.add(key);
      // Those that are not durable yet.
      for (let slot = 0; slot < SLOTS; slot++)
        if (cached.delete(slotOf(numbering, slot))) slots.add(slotOf(numbering, slot));
      return [...slots].map((key) => ({ type: 'del', key }));
    },
  };
}
