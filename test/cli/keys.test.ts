import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from './built.js';
import { type Served, type Shell, serve, shellFor, temporaryFolder } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

const ALICE = ['--address', 'alice'];

/** A dozen processes one after the other, on a machine with other things to do. */
const LONG = 120_000;

async function sent(shell: Shell, from: string, to: string, text: string): Promise<void> {
  expect(await shell.run(['send', '--address', from, '--register', '--to', to, text])).toMatchObject({ code: 0 });
}

/** Alice on a second machine, by an exported identity. */
async function secondDevice(shell: Shell): Promise<Shell> {
  const file = join(await temporaryFolder(), 'alice.identity');
  const exporting = shell.with({ SEALMQ_EXPORT_PASSPHRASE: 'on paper' });
  expect(await exporting.run(['keys', 'export', file, ...ALICE])).toMatchObject({ code: 0 });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const second = exporting.with({ SEALMQ_HOME: await temporaryFolder() });
  expect(
    await second.with({ SEALMQ_EXPORT_PASSPHRASE: 'off paper' }).run(['keys', 'import', file, ...ALICE]),
  ).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('[STATE_WRONG_PASSPHRASE]'),
  });
  expect(await second.run(['keys', 'import', file, ...ALICE, '--name', 'phone'])).toMatchObject({ code: 0 });
  expect(await second.run(['keys', 'import', file, ...ALICE])).toMatchObject({ code: 2 });
  return second;
}

async function recordOf(shell: Shell, address: string) {
  return JSON.parse((await shell.run(['keys', 'show', '--of', address, '--json'])).stdout);
}

async function setUp(): Promise<{ served: Served; shell: Shell }> {
  const served = await serve();
  const shell = await shellFor(served);
  expect(await shell.run(['register', ...ALICE])).toMatchObject({ code: 0 });
  return { served, shell };
}

test('after a rotation, old and new mail arrives', async () => {
  const { served, shell } = await setUp();
  const before = await recordOf(shell, 'alice');
  await sent(shell, 'bob', 'alice', 'to the old key');
  const rotated = await shell.run(['keys', 'rotate', ...ALICE, '--json']);
  expect(JSON.parse(rotated.stdout)).toMatchObject({ version: 2, identity: before.identity });
  // Carol has never seen the old one.
  const carol = await shellFor(served);
  await sent(carol, 'carol', 'alice', 'to the new key');
  const { stdout } = await shell.run(['listen', ...ALICE, '--count', '2']);
  expect(stdout).toBe('bob: to the old key\ncarol: to the new key\n');
  await sent(shell, 'alice', 'carol', 'signed by the new key');
  expect((await carol.run(['listen', '--address', 'carol', '--count', '1'])).stdout).toBe(
    'alice: signed by the new key\n',
  );
});

test('an identity that is imported elsewhere makes a second device; both receive', async () => {
  const { shell } = await setUp();
  const second = await secondDevice(shell);
  const { version, devices } = await recordOf(shell, 'alice');
  expect(version).toBe(2);
  expect(devices).toMatchObject([{}, { name: 'phone' }]);
  await sent(shell, 'bob', 'alice', 'to both');
  for (const device of [shell, second]) {
    // --register does nothing where it has been done, whatever other devices have published since.
    const { code, stdout } = await device.run(['listen', ...ALICE, '--register', '--count', '1']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'bob: to both\n' });
  }
});

test('a revoked device neither reads nor is believed', { timeout: LONG }, async () => {
  const { shell, served } = await setUp();
  const second = await secondDevice(shell);
  const { thisDevice } = JSON.parse((await second.run(['keys', 'show', ...ALICE, '--json'])).stdout);
  expect(await shell.run(['keys', 'revoke', 'aaaaaaaaaaaaaaaa', ...ALICE])).toMatchObject({ code: 2 });
  expect(await shell.run(['device', 'retire', 'aaaaaaaaaaaaaaaa', ...ALICE])).toMatchObject({ code: 2 });
  // The broker is not needed for it.
  const elsewhere = shell.with({ SEALMQ_BROKER: 'mqtt://127.0.0.1:1' });
  const revoked = await elsewhere.run(['keys', 'revoke', thisDevice, ...ALICE]);
  expect(revoked).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${thisDevice} "phone" revoked on`),
    stderr: expect.stringContaining('told the next time'),
  });

  const bob = await shellFor(served);
  await sent(bob, 'bob', 'alice', 'not for the thief');
  const thief = await second.run(['listen', ...ALICE, '--timeout', '5', '--verbose']);
  expect(thief).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('rejected a message: not-for-me'),
  });
  expect((await shell.run(['listen', ...ALICE, '--count', '1'])).stdout).toBe('bob: not for the thief\n');
  await sent(second, 'alice', 'bob', 'by the thief');
  const refused = await bob.run(['listen', '--address', 'bob', '--timeout', '5', '--verbose']);
  expect(refused).toMatchObject({ stdout: '', stderr: expect.stringContaining('rejected a message: revoked') });
});

test('a store under a passphrase opens with it only, and it stands in no file', { timeout: LONG }, async () => {
  const { shell } = await setUp();
  const secret = 'correct horse battery staple';
  const dora = ['--address', 'dora'];
  expect(await shell.with({ SEALMQ_PASSPHRASE: secret }).run(['register', ...dora])).toMatchObject({ code: 0 });
  const wrong = await shell.with({ SEALMQ_PASSPHRASE: 'wrong' }).run(['register', ...dora, '--verbose']);
  expect(wrong).toMatchObject({ code: 5, stderr: expect.stringContaining('[STATE_WRONG_PASSPHRASE]') });
  expect(await shell.run(['keys', 'show', ...dora])).toMatchObject({ code: 5 });
  const file = join(await temporaryFolder(), 'passphrase');
  await writeFile(file, `${secret}\n`);
  expect(await shell.run(['keys', 'show', ...dora, '--passphrase-file', file])).toMatchObject({ code: 0 });
  expect((await readFile(join(shell.home, 'dora', 'data-key'))).includes(secret)).toBe(false);
});
