import { beforeAll, expect, test } from 'vitest';
import { codeIn, startMailServer } from '../registration/mail-server.js';
import { ensureBuilt } from './built.js';
import { open, openShell, type Shell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

async function mailing(mode: string) {
  const mails = await startMailServer();
  const smtp = ['--smtp', `smtp://127.0.0.1:${mails.port}`, '--mail-from', 'keys@example.org'];
  return { mails, served: await serve('--registration', mode, ...smtp) };
}

test('a name is registered with the code of an e-mail, typed at the prompt', async () => {
  const { mails, served } = await mailing('named');
  const shell = await shellFor(served);
  expect(await shell.run(['register', '--address', 'alice'])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('DIRECTORY_REFUSED'),
  });
  const running = shell.start(['register', '--address', 'alice', '--email', 'alice@example.org', '--json'], open);
  await running.note('Code that was sent to alice@example.org: ');
  running.type('00000000');
  await running.note('that is not the code');
  running.type(codeIn(await mails.read('alice@example.org')));
  const { code, stdout } = await running.finished;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ address: 'alice', until: expect.stringMatching(/^\d{4}-.*Z$/) });
}, 30_000);

test('an anonymous address is made, registered, and used again', async () => {
  const { mails, served } = await mailing('anonymous');
  const shell = await shellFor(served);
  const args = ['register', '--anonymous', 'alice', '--email', 'alice@example.org'];
  const address = await registered(shell, args, async () => codeIn(await mails.read('alice@example.org')));
  expect(address).toMatch(/^~[a-z2-7]{52}$/);
  const again = await registered(shell, args, async () => codeIn(await mails.read('alice@example.org')));
  expect(again).toBe(address);
  const use = ['--address', address, '--store', `${shell.home}/anonymous-alice`];
  expect((await shell.run(['contact', 'show', ...use, '--json'])).code).toBe(0);
  expect((await shell.run(['register', '--anonymous', '../x', '--email', 'a@example.org'])).code).toBe(2);
}, 30_000);

/** Registers; the address that was printed. */
async function registered(shell: Shell, args: readonly string[], code: () => Promise<string>): Promise<string> {
  const running = shell.start([...args, '--json'], open);
  await running.note('Code that was sent to');
  running.type(await code());
  const { stdout, stderr, code: exit } = await running.finished;
  if (exit !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as { address: string }).address;
}

test.each([
  [['--smtp', 'smtp://127.0.0.1']],
  [['--registration', 'named']],
  [['--registration', 'named', '--smtp', 'smtp://127.0.0.1']],
  [['--registration', 'named', '--smtp', 'smtp://u:secret@127.0.0.1', '--mail-from', 'a@example.org']],
  [['--registration', 'named', '--sms-webhook', 'http://sms.example']],
  [['--registration', 'sometimes']],
])('serve does not begin with %j', async (args) => {
  const { run } = await openShell();
  const { code, stderr } = await run(['serve', '--mqtt', '0', '--ws', '0', '--http', '0', ...args]);
  expect([code, stderr.includes('USAGE_INVALID_ARGUMENT'), stderr.includes('secret')]).toEqual([2, true, false]);
});
