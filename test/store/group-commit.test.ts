import { describe, expect, it, vi } from 'vitest';
import { groupCommit, type Write } from '../../src/adapters/store/group-commit.js';
import { insistentStore } from '../../src/adapters/store/insistent-store.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { StoreOperation } from '../../src/ports/store.js';

interface Written {
  readonly keys: string[];
  readonly sync: boolean;
}

/** A group commit whose writes end, or fail, when the test says so. */
function bench() {
  const writes: Written[] = [];
  const endings: ((error?: Error) => void)[] = [];
  const failures: unknown[] = [];
  const write: Write<StoreOperation> = (operations, { sync }) => {
    writes.push({ keys: operations.map(({ key }) => key), sync });
    return new Promise((resolve, reject) => {
      endings.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  };
  const { batch, insist, idle } = groupCommit(write, (error) => failures.push((error as Error).message));
  const put = (key: string, sync = false, bytes = 1, write = batch) =>
    write([{ type: 'put', key, value: new Uint8Array(bytes) }], { sync }).then(
      () => `${key} written`,
      (error: Error) => `${key}: ${error.message}`,
    );
  const must = (key: string, bytes = 1) => put(key, false, bytes, insist);
  const end = async (error?: Error) => {
    await vi.waitUntil(() => endings.length > 0, { interval: 1 });
    endings.shift()?.(error);
    // One turn is theirs who have waited; then the next write begins.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { writes, failures, put, must, batch, idle, end };
}

describe('group commit', () => {
  it('writes the first at once and the others as one group, in the order of the calls', async () => {
    const { writes, put, idle, end } = bench();
    const results = [put('a'), put('b'), put('c'), put('d')];
    expect(writes).toEqual([{ keys: ['a'], sync: false }]);
    await end();
    expect(writes.slice(1)).toEqual([{ keys: ['b', 'c', 'd'], sync: false }]);
    await end();
    expect(await Promise.all(results)).toEqual(['a written', 'b written', 'c written', 'd written']);
    await idle();
    expect(writes).toHaveLength(2);
  });

  it('answers nobody before the write', async () => {
    const { put, end } = bench();
    let answered = 0;
    const results = [put('a'), put('b')].map((each) => each.then(() => answered++));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(0);
    await end();
    expect(answered).toBe(1);
    await end();
    await Promise.all(results);
    expect(answered).toBe(2);
  });

  it('syncs a group in which one asks for it', async () => {
    const { writes, put, end } = bench();
    const results = [put('a'), put('b'), put('c', true)];
    await end();
    await end();
    expect(writes.map(({ sync }) => sync)).toEqual([false, true]);
    await Promise.all(results);
  });

  it('rejects a whole group that fails, and goes on with the next', async () => {
    const { put, end } = bench();
    const results = [put('a'), put('b'), put('c')];
    await end();
    const next = put('d');
    await end(new Error('disk full'));
    await end();
    expect(await Promise.all([...results, next])).toEqual(['a written', 'b: disk full', 'c: disk full', 'd written']);
  });

  it('bounds a group by its bytes, yet takes a larger batch by itself', async () => {
    const { writes, put, end } = bench();
    const results = [
      put('a'),
      put('b', false, 600_000),
      put('c', false, 600_000),
      put('d', false, 3_000_000),
      put('e'),
    ];
    for (let i = 0; i < 5; i++) await end();
    expect(writes.map(({ keys }) => keys)).toEqual([['a'], ['b'], ['c'], ['d'], ['e']]);
    await Promise.all(results);
  });

  it('waits until all is written', async () => {
    const { put, idle, end } = bench();
    const results = [put('a'), put('b')];
    let isIdle = false;
    const waiting = idle().then(() => {
      isIdle = true;
    });
    await end();
    expect(isIdle).toBe(false);
    await end();
    await waiting;
    expect(await Promise.all(results)).toEqual(['a written', 'b written']);
  });

  it('refuses what is no operation, by itself', async () => {
    const { batch, writes } = bench();
    const broken: unknown[] = [
      { type: 'put', key: 'a' },
      { type: 'put', key: 1, value: new Uint8Array(1) },
      { type: 'del' },
    ];
    for (const each of broken) {
      await expect(batch([each as StoreOperation])).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    }
    expect(writes).toEqual([]);
  });

  it('tries again what is insisted on, in order, and nothing overtakes it', async () => {
    const { writes, failures, put, must, end } = bench();
    const results = [must('a'), put('b'), must('c'), put('d')];
    await end(new Error('full'));
    // What does not insist is tried at once, behind what failed.
    expect(await Promise.all([results[1], results[3]])).toEqual(['b: full', 'd: full']);
    const e = put('e');
    await vi.waitUntil(() => writes.length === 2);
    await end(new Error('still full'));
    expect(await e).toBe('e: still full');
    await vi.waitUntil(() => writes.length === 3);
    await end();
    expect(await Promise.all([results[0], results[2]])).toEqual(['a written', 'c written']);
    expect(writes.map(({ keys }) => keys)).toEqual([
      ['a', 'b', 'c', 'd'],
      ['a', 'c', 'e'],
      ['a', 'c'],
    ]);
    expect(failures).toEqual(['full']);
  });

  it('keeps nobody waiting behind more than a group that is insisted on', async () => {
    const { writes, put, must, end } = bench();
    const results = [must('a', 900_000), must('b', 900_000), put('c')];
    await end(new Error('full'));
    expect(await results[2]).toBe('c: full');
    await vi.waitUntil(() => writes.length === 2);
    await end();
    await end();
    expect(await Promise.all(results)).toEqual(['a written', 'b written', 'c: full']);
    expect(writes.map(({ keys }) => keys)).toEqual([['a'], ['a'], ['b']]);
  });

  it('begins with what is insisted on at the end of the turn, and makes nothing of what is deleted by then', async () => {
    const memory = memoryStore();
    const { batch, insist, get } = insistentStore(memory, () => {});
    const written = vi.spyOn(memory, 'batch');
    const make = vi.fn(() => Uint8Array.of(1));
    const put = (key: string) => insist([{ type: 'make', key, size: 1, make }]);
    const results = [put('a'), put('b'), insist([{ type: 'del', key: 'a' }])];
    expect(written).not.toHaveBeenCalled();
    await Promise.all(results);
    expect(written).toHaveBeenCalledOnce();
    expect(make).toHaveBeenCalledOnce();
    expect([await get('a'), await get('b')]).toEqual([undefined, Uint8Array.of(1)]);
    // Somebody waits for this one.
    const last = batch([{ type: 'del', key: 'b' }]);
    expect(written).toHaveBeenCalledTimes(2);
    await last;
  });

  it('lets those go on first who have waited for the write before, and makes nothing of what they delete', async () => {
    const memory = memoryStore();
    const { batch, insist, get } = insistentStore(memory, () => {});
    const make = vi.fn(() => Uint8Array.of(1));
    const put = (key: string) => insist([{ type: 'make', key, size: 1, make }]);
    const first = batch([{ type: 'del', key: 'x' }]);
    const waiting = put('a');
    const deleting = first.then(() => insist([{ type: 'del', key: 'a' }]));
    await Promise.all([waiting, deleting]);
    expect(make).not.toHaveBeenCalled();
    expect(await get('a')).toBeUndefined();
  });

  it('gives up what is insisted on at the end, after a last try', async () => {
    const { writes, must, idle, end } = bench();
    const result = must('a');
    await end(new Error('full'));
    const ended = idle();
    await vi.waitUntil(() => writes.length === 2);
    await end(new Error('full'));
    expect(await result).toBe('a: full');
    await ended;
  });
});
