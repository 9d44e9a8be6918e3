import { execFile } from 'node:child_process';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openDataKey } from '../../src/adapters/store/data-key.js';
import { changePassphrase, fileDataKey } from '../../src/adapters/store/data-key-file.js';
import { encryptedStore } from '../../src/adapters/store/encrypted-store.js';
import { openLevelStore } from '../../src/adapters/store/level-store.js';
import { toHex } from '../../src/bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { temporaryFolder } from './temporary-folder.js';

const provider = nativeProvider();

const filesOf = async (folder: string) => (await readdir(folder)).sort();

describe('without a passphrase', () => {
  it('draws a key once and keeps it in a file of mode 0600', async () => {
    const folder = await temporaryFolder();
    const dataKey = await fileDataKey(folder, provider);
    expect(dataKey).toHaveLength(32);
    expect(await fileDataKey(folder, provider)).toEqual(dataKey);
    expect(await filesOf(folder)).toEqual(['data-key']);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'data-key'))).mode & 0o777).toBe(0o600);
    const file = decodeCbor(new Uint8Array(await readFile(join(folder, 'data-key'))));
    expect(file).toEqual(
      new Map<string, unknown>([
        ['key', dataKey],
        ['version', 1],
      ]),
    );
    expect(await fileDataKey(await temporaryFolder(), provider)).not.toEqual(dataKey);
  });

  it('is what the platform-neutral door opens in Node', async () => {
    const folder = await temporaryFolder();
    expect(await openDataKey(folder, provider)).toEqual(await fileDataKey(folder, provider));
  });

  it('tightens the mode of the file', async () => {
    const folder = await temporaryFolder();
    await fileDataKey(folder, provider);
    await chmod(join(folder, 'data-key'), 0o644);
    await fileDataKey(folder, provider);
    expect((await stat(join(folder, 'data-key'))).mode & 0o777).toBe(0o600);
  });

  it('lies beside a database that leaves it alone', async () => {
    const folder = await temporaryFolder();
    const dataKey = await fileDataKey(folder, provider);
    for (let opening = 0; opening < 3; opening++) {
      const store = await encryptedStore(await openLevelStore(folder), await fileDataKey(folder, provider), provider);
      await store.batch([{ type: 'put', key: `${opening}`, value: new Uint8Array(1000) }]);
      await store.close();
    }
    expect(await fileDataKey(folder, provider)).toEqual(dataKey);
  });

  it('agrees between first openings at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      const folder = await temporaryFolder();
      const keys = await Promise.all([...Array(8)].map(() => fileDataKey(folder, provider)));
      expect(new Set(keys.map(toHex)).size).toBe(1);
      expect(await filesOf(folder)).toEqual(['data-key']);
    }
  });

  it('agrees between processes that open first at the same time', async () => {
    const folder = await temporaryFolder();
    const script = new URL('./data-key-process.ts', import.meta.url).pathname;
    const runs = [...Array(4)].map(() => promisify(execFile)(process.execPath, ['--import', 'tsx', script, folder]));
    const keys = (await Promise.all(runs)).map(({ stdout }) => stdout.trim());
    expect(new Set(keys)).toEqual(new Set([toHex(await fileDataKey(folder, provider))]));
  });
});

describe('a damaged data key', () => {
  it('that is missing beside a database is never replaced', async () => {
    const folder = await temporaryFolder();
    await fileDataKey(folder, provider);
    await (await openLevelStore(folder)).close();
    await rm(join(folder, 'data-key'));
    const before = await filesOf(folder);
    const missing = { code: 'STATE_CORRUPT', message: expect.stringContaining('the data key is missing') };
    await expect(fileDataKey(folder, provider)).rejects.toMatchObject(missing);
    await expect(fileDataKey(folder, provider, 'passphrase')).rejects.toMatchObject(missing);
    await expect(changePassphrase(folder, provider, undefined, 'new')).rejects.toMatchObject(missing);
    await rm(join(folder, 'CURRENT'));
    await expect(fileDataKey(folder, provider)).rejects.toMatchObject(missing);
    expect(await filesOf(folder)).toEqual(before.filter((name) => name !== 'CURRENT'));
  });

  it('is refused and left as it is', async () => {
    const folder = await temporaryFolder();
    const dataKey = await fileDataKey(folder, provider);
    const path = join(folder, 'data-key');
    const good = new Uint8Array(await readFile(path));
    const bad: Record<string, [string, Uint8Array]> = {
      empty: ['STATE_CORRUPT', new Uint8Array(0)],
      truncated: ['STATE_CORRUPT', good.slice(0, -1)],
      longer: ['STATE_CORRUPT', Uint8Array.of(...good, 0)],
      'no map': ['STATE_CORRUPT', encodeCbor(dataKey)],
      'no version': ['STATE_CORRUPT', encodeCbor(new Map([['key', dataKey]]))],
      newer: ['STATE_NEWER_SCHEMA', encodeCbor(new Map([['version', 2]]))],
      'short key': ['STATE_CORRUPT', keyFile({ key: dataKey.slice(1) })],
      'no key': ['STATE_CORRUPT', keyFile({})],
      large: ['STATE_CORRUPT', keyFile({ key: dataKey, padding: new Uint8Array(2000) })],
    };
    for (const [name, [code, content]] of Object.entries(bad)) {
      await writeFile(path, content);
      await expect(fileDataKey(folder, provider), name).rejects.toMatchObject({ code });
      expect(new Uint8Array(await readFile(path)), name).toEqual(content);
    }
  });

  function keyFile(fields: Record<string, Uint8Array>): Uint8Array {
    return encodeCbor(new Map(Object.entries({ version: 1, ...fields })));
  }
});

describe('with a passphrase', () => {
  it('opens with it only, and says what is wrong otherwise', async () => {
    const folder = await temporaryFolder();
    const dataKey = await fileDataKey(folder, provider, 'correct horse');
    expect(await fileDataKey(folder, provider, 'correct horse')).toEqual(dataKey);
    const wrong = { code: 'STATE_WRONG_PASSPHRASE' };
    await expect(fileDataKey(folder, provider, 'battery staple')).rejects.toMatchObject(wrong);
    await expect(fileDataKey(folder, provider)).rejects.toMatchObject(wrong);
    await expect(fileDataKey(folder, provider, '')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    expect((await readFile(join(folder, 'data-key'))).includes(Buffer.from(dataKey))).toBe(false);
  });

  it('refuses one where the key is not protected', async () => {
    const folder = await temporaryFolder();
    await fileDataKey(folder, provider);
    await expect(fileDataKey(folder, provider, 'any')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  });

  it('does not even create a file under an empty one', async () => {
    const folder = await temporaryFolder();
    await expect(fileDataKey(folder, provider, '')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    expect(await filesOf(folder)).toEqual([]);
  });

  it('is set, changed and taken off without a new key', async () => {
    const folder = await temporaryFolder();
    const dataKey = await fileDataKey(folder, provider);
    await writeFile(join(folder, 'data-key.00ff.tmp'), 'left by a process that was killed');
    await changePassphrase(folder, provider, undefined, 'one');
    expect(await fileDataKey(folder, provider, 'one')).toEqual(dataKey);
    expect(await filesOf(folder)).toEqual(['data-key']);
    await changePassphrase(folder, provider, 'one', 'two');
    expect(await fileDataKey(folder, provider, 'two')).toEqual(dataKey);
    await expect(fileDataKey(folder, provider, 'one')).rejects.toMatchObject({ code: 'STATE_WRONG_PASSPHRASE' });
    await changePassphrase(folder, provider, 'two', undefined);
    expect(await fileDataKey(folder, provider)).toEqual(dataKey);
    expect((await stat(join(folder, 'data-key'))).mode & 0o777).toBe(0o600);
  });

  it('stays as it is when a change fails', async () => {
    const folder = await temporaryFolder();
    const dataKey = await fileDataKey(folder, provider, 'one');
    const before = await readFile(join(folder, 'data-key'));
    await expect(changePassphrase(folder, provider, 'wrong', 'two')).rejects.toMatchObject({
      code: 'STATE_WRONG_PASSPHRASE',
    });
    await expect(changePassphrase(folder, provider, 'one', '')).rejects.toMatchObject({
      code: 'USAGE_INVALID_ARGUMENT',
    });
    expect(await readFile(join(folder, 'data-key'))).toEqual(before);
    expect(await fileDataKey(folder, provider, 'one')).toEqual(dataKey);
  });
});
