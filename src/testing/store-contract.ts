import { toHex, utf8 } from '../bytes/bytes.js';
import type { Store, StoreOperation, StoreRange } from '../ports/store.js';

/** The functions of a test runner that a contract suite needs; vitest's and node:test's fit. */
export interface TestFunctions {
  describe(name: string, suite: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** Fails the test unless both are deeply equal: `assert.deepEqual`, or `(a, b) => expect(a).toEqual(b)`. */
  deepEqual(actual: unknown, expected: unknown): void;
}

/** The store under test. */
export interface StoreSubject {
  /** Opens the store of that name, an empty one when the name is new. Names are plain ASCII. */
  open(name: string): Promise<Store>;
  /** Whether a closed store that is opened again has what was written. */
  readonly durable: boolean;
}

/**
 * What every {@link Store} must do. A store may keep entries of its own under `meta/`.
 *
 * @param name - of the suite
 */
export function storeContract(name: string, subject: StoreSubject, tests: TestFunctions): void {
  const { describe, it, deepEqual } = tests;
  let opened = 0;

  /** A test on an empty store, which is closed behind it. */
  function onStore(what: string, test: (store: Store, name: string) => Promise<void>): void {
    it(what, async () => {
      const storeName = `contract-${++opened}`;
      const store = await subject.open(storeName);
      try {
        await test(store, storeName);
      } finally {
        await store.close();
      }
    });
  }

  describe(name, () => {
    for (const suite of [values, batches, ranges, iterations]) suite(onStore, deepEqual);

    if (subject.durable) {
      onStore('has what was written when it is opened again', async (store, storeName) => {
        await store.batch([put('x/a', 'kept'), put('x/b', 'gone'), del('x/b')]);
        await store.close();
        const again = await subject.open(storeName);
        deepEqual(await entries(again, X), [['x/a', 'kept']]);
        await again.close();
      });
    }

    onStore('rejects everything once it is closed', async (store) => {
      await store.batch([put('x/a', '1')]);
      await store.close();
      deepEqual(await rejects(store.get('x/a')), true);
      deepEqual(await rejects(store.batch([put('x/b', '1')])), true);
      deepEqual(await rejects(entries(store, X)), true);
      await store.close();
    });
  });
}

type OnStore = (what: string, test: (store: Store) => Promise<void>) => void;
type DeepEqual = TestFunctions['deepEqual'];

const X: StoreRange = { gte: 'x/', lt: 'x0' };

function values(onStore: OnStore, deepEqual: DeepEqual): void {
  onStore('answers undefined for a missing key', async (store) => {
    deepEqual(await store.get('x/missing'), undefined);
  });

  onStore('gives back what was put, overwritten, deleted', async (store) => {
    await store.batch([put('x/a', 'one')]);
    deepEqual(await text(store, 'x/a'), 'one');
    await store.batch([put('x/a', 'two')]);
    deepEqual(await text(store, 'x/a'), 'two');
    await store.batch([del('x/a'), del('x/never-there')]);
    deepEqual(await store.get('x/a'), undefined);
  });

  onStore('tells an empty value from none and takes a megabyte', async (store) => {
    const large = new Uint8Array(1_048_576).map((_, i) => (i * 31) >> 3);
    await store.batch([
      { type: 'put', key: 'x/empty', value: new Uint8Array(0) },
      { type: 'put', key: 'x/large', value: large },
    ]);
    deepEqual((await store.get('x/empty'))?.length, 0);
    deepEqual(toHex((await store.get('x/large')) ?? utf8('missing')), toHex(large));
  });

  onStore('keeps no tie to the arrays that go in and out', async (store) => {
    const value = utf8('mine');
    await store.batch([{ type: 'put', key: 'x/a', value }]);
    value.fill(0);
    (await store.get('x/a'))?.fill(0);
    deepEqual(await text(store, 'x/a'), 'mine');
  });

  onStore('takes only the bytes that a view shows', async (store) => {
    const view = utf8('before mine after').subarray(7, 11);
    await store.batch([{ type: 'put', key: 'x/a', value: view }]);
    deepEqual(await text(store, 'x/a'), 'mine');
  });
}

function batches(onStore: OnStore, deepEqual: DeepEqual): void {
  onStore('applies the operations of a batch in order', async (store) => {
    await store.batch([put('x/a', '1'), put('x/a', '2'), put('x/b', '1'), del('x/b'), del('x/c'), put('x/c', '3')]);
    deepEqual(await entries(store, X), [
      ['x/a', '2'],
      ['x/c', '3'],
    ]);
  });

  onStore('takes an empty batch, and one with sync', async (store) => {
    await store.batch([]);
    await store.batch([put('x/a', '1')], { sync: true });
    deepEqual(await text(store, 'x/a'), '1');
  });

  onStore('applies nothing of a batch that it refuses', async (store) => {
    await store.batch([put('x/a', 'before')]);
    const broken = { type: 'put', key: 'x/b' } as unknown as StoreOperation;
    deepEqual(await rejects(store.batch([put('x/a', 'after'), broken])), true);
    deepEqual(await entries(store, X), [['x/a', 'before']]);
    await store.batch([put('x/a', 'later')]);
    deepEqual(await text(store, 'x/a'), 'later');
  });

  onStore('applies concurrent batches in the order of the calls', async (store) => {
    const numbers = [...Array(200).keys()];
    // Sizes differ, so that whatever works on the values takes differently long.
    const padding = (n: number) => '.'.repeat(n % 7 === 0 ? 50_000 : 1);
    await Promise.all(numbers.map((n) => store.batch([put('x/last', `${n}${padding(n)}`), put(`x/n/${n}`, `${n}`)])));
    deepEqual(await text(store, 'x/last'), `199${padding(199)}`);
    deepEqual((await entries(store, { gte: 'x/n/', lt: 'x/n0' })).length, 200);
  });
}

function ranges(onStore: OnStore, deepEqual: DeepEqual): void {
  const keysOf = async (store: Store, range: StoreRange) => (await entries(store, range)).map(([key]) => key);

  onStore('selects by gte, gt, lt, lte', async (store) => {
    await store.batch(['x/d', 'x/b', 'x/a', 'x/c', 'y'].map((key) => put(key, key)));
    deepEqual(await keysOf(store, { gte: 'x/b', lt: 'x/d' }), ['x/b', 'x/c']);
    deepEqual(await keysOf(store, { gt: 'x/b', lte: 'x/d' }), ['x/c', 'x/d']);
    deepEqual(await keysOf(store, { gt: 'x/aa', lte: 'x/cc' }), ['x/b', 'x/c']);
    deepEqual(await keysOf(store, { gt: 'x/c' }), ['x/d', 'y']);
    deepEqual(await keysOf(store, { gte: 'x/e', lt: 'x/f' }), []);
    deepEqual(await keysOf(store, { gte: 'x/d', lt: 'x/a' }), []);
    deepEqual(await keysOf(store, { gt: 'z' }), []);
  });

  onStore('reverses and limits', async (store) => {
    await store.batch(['x/a', 'x/b', 'x/c', 'x/d'].map((key) => put(key, key)));
    deepEqual(await keysOf(store, { ...X, reverse: true }), ['x/d', 'x/c', 'x/b', 'x/a']);
    deepEqual(await keysOf(store, { ...X, limit: 2 }), ['x/a', 'x/b']);
    deepEqual(await keysOf(store, { ...X, limit: 0 }), []);
    deepEqual(await keysOf(store, { ...X, limit: 9 }), ['x/a', 'x/b', 'x/c', 'x/d']);
    deepEqual(await keysOf(store, { lt: 'x/d', reverse: true, limit: 2 }), ['x/c', 'x/b']);
    deepEqual(await keysOf(store, { reverse: true, limit: 1 }), ['x/d']);
  });

  onStore('sorts keys by their UTF-8 bytes', async (store) => {
    const sorted = ['x/', 'x/10', 'x/9', 'x/A', 'x/a', 'x/a/b', 'x/aa', 'x/ä', 'x/�', 'x/😀'];
    await store.batch([...sorted].reverse().map((key) => put(key, key)));
    deepEqual(await keysOf(store, { gte: 'x/' }), sorted);
    deepEqual(await keysOf(store, { gt: 'x/�' }), ['x/😀']);
    deepEqual(await keysOf(store, { gte: 'x/ä', lt: 'x/😀' }), ['x/ä', 'x/�']);
  });
}

function iterations(onStore: OnStore, deepEqual: DeepEqual): void {
  onStore('iterates over what was there when the iteration began', async (store) => {
    const numbers = [...Array(300).keys()].map((n) => String(n).padStart(3, '0'));
    await store.batch(numbers.map((n) => put(`x/${n}`, 'before')));
    const seen: [string, string][] = [];
    for await (const [key, value] of store.iterator(X)) {
      if (seen.length === 0) await store.batch([put('x/150', 'after'), del('x/299'), put('x/150a', 'new')]);
      seen.push([key, new TextDecoder().decode(value)]);
    }
    deepEqual(
      seen,
      numbers.map((n) => [`x/${n}`, 'before']),
    );
    deepEqual(await text(store, 'x/150'), 'after');
    deepEqual(await store.get('x/299'), undefined);
  });

  onStore('goes on after an iteration that was left', async (store) => {
    await store.batch([put('x/a', '1'), put('x/b', '2')]);
    for await (const [key] of store.iterator(X)) {
      deepEqual(key, 'x/a');
      break;
    }
    await store.batch([put('x/a', '3')]);
    deepEqual((await entries(store, X)).length, 2);
  });

  onStore('runs two iterations side by side', async (store) => {
    await store.batch([put('x/a', '1'), put('x/b', '2')]);
    const [left, right] = await Promise.all([entries(store, X), entries(store, { ...X, reverse: true })]);
    deepEqual(left, [...right].reverse());
  });
}

function put(key: string, value: string): StoreOperation {
  return { type: 'put', key, value: utf8(value) };
}

function del(key: string): StoreOperation {
  return { type: 'del', key };
}

async function text(store: Store, key: string): Promise<string | undefined> {
  const value = await store.get(key);
  return value && new TextDecoder().decode(value);
}

async function entries(store: Store, range: StoreRange): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const [key, value] of store.iterator(range)) found.push([key, new TextDecoder().decode(value)]);
  return found;
}

async function rejects(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch {
    return true;
  }
}
