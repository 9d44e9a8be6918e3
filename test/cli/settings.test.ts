import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from './built.js';
import { openShell, type Shell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

async function shown(shell: Shell): Promise<Record<string, { value: string; source: string }>> {
  return JSON.parse((await shell.run(['config', 'show', '--json'])).stdout);
}

test('an option goes before the environment, that before the config file, that before the default', async () => {
  const served = await serve();
  const { mqtt, http } = served;
  const shell = await openShell();
  expect((await shown(shell)).broker).toEqual({ value: 'mqtt://127.0.0.1:1883', source: 'default' });
  for (const [key, value] of Object.entries({ address: 'carl', broker: mqtt, directory: http })) {
    expect(await shell.run(['config', 'set', key, value])).toMatchObject({ code: 0 });
  }
  expect((await shell.run(['register'])).stdout).toMatch(/^carl is registered/);
  const environment = shell.with({ SEALMQ_ADDRESS: 'emma', SEALMQ_BROKER: '' });
  expect(await shown(environment)).toMatchObject({
    address: { value: 'emma', source: 'environment' },
    broker: { value: mqtt, source: 'config' },
  });
  expect((await environment.run(['register'])).stdout).toMatch(/^emma is registered/);
  expect((await environment.run(['register', '--address', 'olga'])).stdout).toMatch(/^olga is registered/);
  expect(await shell.run(['config', 'unset', 'address'])).toMatchObject({ code: 0 });
  expect(await shell.run(['register'])).toMatchObject({ code: 2 });
});

test('--home and --store say where things lie', async () => {
  const shell = await openShell();
  const other = await openShell();
  expect((await shell.run(['config', 'path', '--home', other.home])).stdout).toBe(
    `${join(other.home, 'config.json')}\n`,
  );
  const store = join(other.home, 'elsewhere');
  const made = JSON.parse((await shell.run(['generate', '--address', 'alice', '--store', store, '--json'])).stdout);
  expect(made.store).toBe(store);
  expect(await shell.run(['keys', 'show', '--address', 'alice'])).toMatchObject({ code: 5 });
  expect(await shell.run(['keys', 'show', '--address', 'alice', '--store', store])).toMatchObject({ code: 0 });
});

test('the config file is private, holds known settings only, and no secret is shown', async () => {
  const shell = await openShell();
  await shell.run(['config', 'set', 'broker', 'mqtts://me:hunter2@broker.example']);
  const path = join(shell.home, 'config.json');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await shell.run(['config', 'show'])).stdout).not.toContain('hunter2');
  expect(await shell.run(['config', 'set', 'passphrase', 'x'])).toMatchObject({ code: 2 });
  expect(await shell.run(['config', 'set', 'broker', 'http://example'])).toMatchObject({ code: 2 });
  await writeFile(path, '{ "broker": ');
  expect(await shell.run(['config', 'show'])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('is not JSON'),
  });
});

test('a pinned directory key has to be the right one', async () => {
  const served = await serve();
  const shell = await shellFor(served);
  const show = ['keys', 'show', '--of', 'nobody', '--directory-key'];
  expect(await shell.run([...show, served.directoryKey])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[DIRECTORY_NOT_FOUND]'),
  });
  const other = 'A'.repeat(43);
  expect(await shell.run([...show, other])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[DIRECTORY_KEY_CHANGED]'),
  });
});
