import { SealMQError } from '../../errors.js';
import type { Store, StoreOperation, StoreRange } from '../../ports/store.js';
import { assertComplete } from './group-commit.js';

/**
 * A store in memory, for tests and for state that need not outlive the process. It keeps copies of what it is given, and
 * after {@link Store.close} every call rejects with `USAGE_CLOSED`.
 */
export function memoryStore(): Store {
  const map = sortedMap();
  let closed = false;

  function assertOpen(): void {
    if (closed) throw new SealMQError('USAGE_CLOSED', 'the store is closed');
  }

  return {
    volatile: true,
    copies: true,
    async get(key) {
      assertOpen();
      return map.get(key)?.slice();
    },
    async batch(operations) {
      assertOpen();
      for (const operation of operations) assertComplete(operation);
      for (const operation of operations) map.apply(operation);
    },
    async *iterator(range) {
      assertOpen();
      for (const [key, value] of map.select(range)) {
        assertOpen();
        yield [key, value.slice()];
      }
    },
    async close() {
      closed = true;
    },
  };
}

/** A map that knows its keys in UTF-8 order. Values are copied on their way in, and then never changed. */
function sortedMap() {
  const values = new Map<string, Uint8Array>();
  const keys: string[] = [];

  return {
    get: (key: string) => values.get(key),
    apply(operation: StoreOperation): void {
      const index = firstIndex(keys, (key) => compareUtf8(key, operation.key) >= 0);
      const known = values.has(operation.key);
      if (operation.type === 'del') {
        if (known) keys.splice(index, 1);
        values.delete(operation.key);
      } else {
        if (!known) keys.splice(index, 0, operation.key);
        values.set(operation.key, operation.value.slice());
      }
    },
    /** The entries of a range as they are now. */
    select: (range: StoreRange): [string, Uint8Array][] =>
      keysIn(keys, range).map((key) => [key, values.get(key) as Uint8Array]),
  };
}

/** The keys inside `range`, in its direction. */
function keysIn(keys: readonly string[], range: StoreRange): string[] {
  const { gte, gt, lt, lte, reverse, limit = -1 } = range;
  const start = Math.max(
    gte === undefined ? 0 : firstIndex(keys, (key) => compareUtf8(key, gte) >= 0),
    gt === undefined ? 0 : firstIndex(keys, (key) => compareUtf8(key, gt) > 0),
  );
  const end = Math.min(
    lt === undefined ? keys.length : firstIndex(keys, (key) => compareUtf8(key, lt) >= 0),
    lte === undefined ? keys.length : firstIndex(keys, (key) => compareUtf8(key, lte) > 0),
  );
  const selected = keys.slice(start, end);
  if (reverse) selected.reverse();
  return limit < 0 ? selected : selected.slice(0, limit);
}

/** Index of the first of the sorted `keys` from which on `reached` holds, by bisection. */
function firstIndex(keys: readonly string[], reached: (key: string) => boolean): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(keys[middle] as string)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Order of the UTF-8 encodings. JavaScript's own order differs where surrogates meet U+E000 to U+FFFF. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

function utf8Rank(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  return isSurrogate ? unit + 0x10000 : unit;
}
