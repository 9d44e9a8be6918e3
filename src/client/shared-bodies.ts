import { toBase64url } from '../bytes/base64url.js';
import type { Store, StoreOperation } from '../ports/store.js';

/** Sealed messages to several receivers: the bytes lie in the store once, for as long as an entry of one receiver refers to them. */
export interface SharedBodies {
  /** One more entry refers to the bytes. */
  held(id: Uint8Array): void;
  /** One entry less does; what the batch must hold that forgets it. */
  released(id: Uint8Array): StoreOperation[];
  load(id: Uint8Array): Promise<Uint8Array | undefined>;
}

/** The bytes under `shared/` of `store`; whoever opens entries that refer to them says so with `held`. */
export function createSharedBodies(store: Store): SharedBodies {
  const references = new Map<string, number>();
  return {
    held(id) {
      const key = keyOf(id);
      references.set(key, (references.get(key) ?? 0) + 1);
    },
    released(id) {
      const key = keyOf(id);
      const left = (references.get(key) ?? 1) - 1;
      if (left > 0) references.set(key, left);
      else references.delete(key);
      return left > 0 ? [] : [{ type: 'del', key }];
    },
    load: (id) => store.get(keyOf(id)),
  };
}

/** The operation that keeps the bytes; it belongs into the batch of the entries that refer to them. */
export function putShared(id: Uint8Array, sealed: Uint8Array): StoreOperation {
  return { type: 'put', key: keyOf(id), value: sealed };
}

function keyOf(id: Uint8Array): string {
  return `shared/${toBase64url(id)}`;
}
