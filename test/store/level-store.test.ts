import { chmod, mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLevelStore } from '../../src/adapters/store/level-store.js';
import { isSealMQError } from '../../src/errors.js';
import type { Store } from '../../src/ports/store.js';
import { type StoreProcess, startStoreProcess } from './child.js';
import { temporaryFolder } from './temporary-folder.js';

function start(...parameters: Parameters<typeof startStoreProcess>): StoreProcess {
  const child = startStoreProcess(...parameters);
  onTestFinished(() => child.kill());
  return child;
}

async function firstLine(child: StoreProcess): Promise<string> {
  for await (const line of child.lines) return line;
  return 'no output';
}

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.iterator({})) keys.push(key);
  return keys;
}

describe('folder', () => {
  it('is created for its owner alone', async () => {
    const folder = join(await temporaryFolder(), 'deep');
    await (await openLevelStore(folder)).close();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(dirname(folder))).mode & 0o777).toBe(0o700);
  });

  it('is tightened when it is empty or already a state', async () => {
    const folder = await temporaryFolder();
    await mkdir(folder, { mode: 0o755 });
    await chmod(folder, 0o755);
    await (await openLevelStore(folder)).close();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await chmod(folder, 0o750);
    await (await openLevelStore(folder)).close();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('that others share with us is left as it is', async () => {
    const folder = await temporaryFolder();
    await mkdir(folder);
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'letter.txt'), 'theirs');
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    expect((await stat(folder)).mode & 0o777).toBe(0o755);
    expect(await readdir(folder)).toEqual(['letter.txt']);
  });

  it('that is a file is unavailable', async () => {
    const folder = await temporaryFolder();
    await writeFile(folder, '');
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      cause: { code: 'EEXIST' },
    });
  });
});

describe('processes', () => {
  it('locks a second one out, until the first is dead', async () => {
    const folder = await temporaryFolder();
    const other = start('hold', folder);
    expect(await firstLine(other)).toBe('open');
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      message: `${folder}: the state is open in another process`,
    });
    await other.kill();
    await (await openLevelStore(folder)).close();
  });

  it('killed while writing leave every acknowledged batch, and no half of one', async () => {
    const folder = await temporaryFolder();
    let acknowledged = -1;
    for (let round = 0; round < 3; round++) {
      const writer = start('pairs', folder);
      for await (const line of writer.lines) {
        acknowledged = Math.max(acknowledged, Number(line));
        if (Number(line) >= 500 * (round + 1)) break;
      }
      await writer.kill();
      const store = await openLevelStore(folder);
      for (let i = 0; i <= acknowledged; i++) {
        expect((await store.get(`left/${i}`))?.length, `left/${i}`).toBe(500);
      }
      const halves = (await keysOf(store)).map((key) => key.split('/')[1]);
      expect(halves.length).toBeGreaterThan(2 * 500);
      expect(halves.length).toBe(2 * new Set(halves).size);
      await store.close();
    }
  });

  // Linux only: prlimit lifts the limit again.
  it.runIf(process.platform === 'linux')(
    'that could not write accept nothing more until they open again, and lose nothing',
    async () => {
      const folder = await temporaryFolder();
      const writer = start('fill', folder, 2000);
      const [acknowledged, first, second] = JSON.parse(await firstLine(writer)) as [number, string, string];
      expect([first, second]).toEqual(['STATE_UNAVAILABLE true', 'STATE_UNAVAILABLE true']);
      expect(acknowledged).toBeGreaterThan(100);
      await writer.kill();
      const store = await openLevelStore(folder);
      for (let i = 0; i < acknowledged; i++) expect((await store.get(`full/${i}`))?.length, `full/${i}`).toBe(3000);
      await store.batch([{ type: 'put', key: 'after', value: Uint8Array.of(1) }]);
      await store.close();
    },
  );
});

describe('damage', () => {
  const CASES: Record<string, (folder: string) => Promise<void>> = {
    'CURRENT missing': (folder) => rm(join(folder, 'CURRENT')),
    'CURRENT empty': (folder) => truncate(join(folder, 'CURRENT'), 0),
    'manifest missing': async (folder) => rm(await fileOf(folder, /^MANIFEST/)),
    'manifest truncated': async (folder) => truncate(await fileOf(folder, /^MANIFEST/), 20),
    'table missing': async (folder) => rm(await fileOf(folder, /\.ldb$/)),
    'table truncated': async (folder) => truncate(await fileOf(folder, /\.ldb$/), 100),
    'table empty': async (folder) => truncate(await fileOf(folder, /\.ldb$/), 0),
  };

  for (const [name, spoil] of Object.entries(CASES)) {
    it(`${name}: STATE_CORRUPT, and nothing is touched`, async () => {
      const folder = await filledFolder();
      await spoil(folder);
      const before = await tables(folder);
      expect(await outcomeOfReading(folder)).toBe('STATE_CORRUPT');
      expect(await outcomeOfReading(folder)).toBe('STATE_CORRUPT');
      expect(await tables(folder)).toEqual(expect.arrayContaining(before));
    });
  }

  it('a torn end of the log costs the writes that it holds, and no other', async () => {
    const folder = await filledFolder();
    const log = await fileOf(folder, /^\d+\.log$/);
    await truncate(log, (await stat(log)).size - 100);
    const store = await openLevelStore(folder);
    const keys = await keysOf(store);
    expect(keys).toHaveLength(299);
    expect(keys).not.toContain('2/099');
    await store.close();
  });

  /** A closed database of tables and a log: 100 values from each of three openings. */
  async function filledFolder(): Promise<string> {
    const folder = await temporaryFolder();
    for (let opening = 0; opening < 3; opening++) {
      const store = await openLevelStore(folder);
      for (let i = 0; i < 100; i++) {
        const value = new Uint8Array(500).map((_, j) => (i * 7919 + j * 104729) >> 3);
        await store.batch([{ type: 'put', key: `${opening}/${String(i).padStart(3, '0')}`, value }]);
      }
      await store.close();
    }
    return folder;
  }

  async function tables(folder: string): Promise<string[]> {
    return (await readdir(folder)).filter((name) => /\.ldb$/.test(name));
  }

  async function fileOf(folder: string, pattern: RegExp): Promise<string> {
    const name = (await readdir(folder)).sort().find((each) => pattern.test(each));
    return join(folder, name ?? 'none');
  }

  async function outcomeOfReading(folder: string): Promise<string> {
    try {
      const store = await openLevelStore(folder);
      try {
        return `read ${(await keysOf(store)).length}`;
      } finally {
        await store.close();
      }
    } catch (error) {
      return isSealMQError(error) ? error.code : String(error);
    }
  }
});
