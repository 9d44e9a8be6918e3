import { beforeAll, expect, test } from 'vitest';
import { freePort } from '../peers/programs.js';
import { ensureBuilt } from './built.js';
import { openShell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

const ALICE = ['--address', 'alice'];

test.each([
  { args: [] },
  { args: ['sned'] },
  { args: ['send', ...ALICE] },
  { args: ['send', ...ALICE, '--to'] },
  { args: ['send', '--to', 'bob', 'hi'] },
  { args: ['send', '--address', 'Alice Smith', '--to', 'bob', 'hi'] },
  { args: ['send', '--address', '../alice', '--to', 'bob', 'hi'] },
  { args: ['send', ...ALICE, '--to', 'bob', '--timeout', 'soon', 'hi'] },
  { args: ['send', ...ALICE, '--to', 'bob', '--passphrase', 'secret', 'hi'] },
  { args: ['listen', ...ALICE, '--count', '0'] },
  { args: ['serve', '--mqtt', '70000'] },
  { args: ['serve', '--tls-cert', 'missing.pem'] },
  { args: ['keys'] },
  { args: ['keys', 'revoke', ...ALICE] },
  { args: ['config', 'set', 'address'] },
])('wrong usage: $args', async ({ args }) => {
  const { code, stdout, stderr } = await (await openShell()).run(args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/\[USAGE_[A-Z_]+\]|^Usage: /);
});

test.each([
  { args: ['--help'] },
  ...['serve', 'generate', 'register', 'send', 'listen', 'chat', 'keys', 'config'].map((name) => ({
    args: [name, '--help'],
  })),
  ...['show', 'rotate', 'retire', 'revoke', 'export', 'import'].map((name) => ({ args: ['keys', name, '--help'] })),
  ...['show', 'set', 'unset', 'path'].map((name) => ({ args: ['config', name, '--help'] })),
])('help with examples: $args', async ({ args }) => {
  const { code, stdout } = await (await openShell()).run(args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: sealmq [\s\S]*Examples:\n {2}\$ /);
});

test('--version is that of the package', async () => {
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  expect(await (await openShell()).run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('an unknown receiver, and a sender without keys', async () => {
  const shell = await shellFor(await serve());
  expect(await shell.run(['send', ...ALICE, '--to', 'bob', 'hi'])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('[STATE_NO_ACCOUNT]'),
  });
  await shell.run(['generate', ...ALICE]);
  expect(await shell.run(['send', ...ALICE, '--to', 'bob', 'hi'])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('[STATE_NOT_REGISTERED]'),
  });
  const unknown = await shell.run(['send', ...ALICE, '--register', '--to', 'bob', 'hi']);
  expect(unknown).toEqual({
    code: 3,
    stdout: '',
    stderr: 'sealmq: nobody is registered as bob [DIRECTORY_NOT_FOUND]\n',
  });
});

test('an address that somebody else has claimed', async () => {
  const served = await serve();
  await (await shellFor(served)).run(['register', ...ALICE]);
  expect(await (await shellFor(served)).run(['register', ...ALICE])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[DIRECTORY_CONFLICT]'),
  });
});

test('without a broker nobody listens; what is sent waits in the outbox', async () => {
  const served = await serve();
  const shell = await shellFor(served);
  for (const address of ['alice', 'bob']) await shell.run(['register', '--address', address]);
  const offline = shell.with({ SEALMQ_BROKER: `mqtt://127.0.0.1:${await freePort()}` });
  const listening = offline.run(['listen', '--address', 'bob', '--verbose']);
  const kept = await offline.run(['send', ...ALICE, '--to', 'bob', '--timeout', '1', 'kept']);
  expect(kept).toMatchObject({ code: 4, stdout: '' });
  expect(kept.stderr).toMatch(/safe in the outbox and goes out the next time.*\[TRANSPORT_TIMEOUT\]/);
  const { code, stderr } = await listening;
  expect(code).toBe(4);
  expect(stderr).toMatch(/\[TRANSPORT_TIMEOUT\]\n {2}because: .*ECONNREFUSED/);
  expect(stderr).not.toContain('    at ');

  expect(await shell.run(['send', ...ALICE, '--to', 'bob', 'and this'])).toMatchObject({ code: 0 });
  const { stdout } = await shell.run(['listen', '--address', 'bob', '--count', '2']);
  expect(stdout).toBe('alice: kept\nalice: and this\n');
});

test('a directory that is away, and one that is none', async () => {
  const served = await serve();
  const shell = await shellFor(served);
  const away = shell.with({ SEALMQ_DIRECTORY: `http://127.0.0.1:${await freePort()}` });
  expect(await away.run(['keys', 'show', '--of', 'bob'])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('[DIRECTORY_UNREACHABLE]'),
  });
  const wrong = shell.with({ SEALMQ_DIRECTORY: served.mqtt.replace('mqtt:', 'http:') });
  expect(await wrong.run(['register', ...ALICE])).toMatchObject({ code: 3 });
});

test('one process on one store', async () => {
  const shell = await shellFor(await serve());
  await shell.run(['register', ...ALICE]);
  const first = shell.start(['listen', ...ALICE, '--json']);
  await shell.run(['send', '--address', 'bob', '--register', '--to', 'alice', 'are you there?']);
  expect(JSON.parse(await first.line())).toMatchObject({ from: 'bob' });
  expect(await shell.run(['listen', ...ALICE])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('[STATE_LOCKED]'),
  });
  first.child.kill('SIGINT');
  // That it has waited for an answer it may say.
  expect(await first.finished).toMatchObject({ code: 0, stderr: expect.not.stringContaining('[') });
});

test('too few messages in time; interrupted while waiting', async () => {
  const shell = await shellFor(await serve());
  await shell.run(['register', ...ALICE]);
  expect(await shell.run(['listen', ...ALICE, '--count', '1', '--timeout', '0.2'])).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('[TIMEOUT]'),
  });
  const offline = shell.with({ SEALMQ_BROKER: `mqtt://127.0.0.1:${await freePort()}` });
  const stuck = offline.start(['register', ...ALICE]);
  await stuck.note('waiting');
  stuck.child.kill('SIGINT');
  expect(await stuck.finished).toMatchObject({ code: 130, stderr: expect.stringContaining('[INTERRUPTED]') });
});
