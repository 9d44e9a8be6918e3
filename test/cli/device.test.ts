import { beforeAll, expect, test } from 'vitest';
import { readQr } from '../qr/camera.js';
import { ensureBuilt } from './built.js';
import { open, type Shell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

/** Many processes, one after the other. */
const LONG = { timeout: 120_000 };

const ALICE = ['--address', 'alice'];

const picture = (notes: string) => notes.split('\n').filter((line) => line.startsWith('\u001b[38'));

/** A second device of alice, linked by what the first one is told on its standard input. */
async function link(first: Shell, second: Shell) {
  const showing = second.start(['device', 'link', ...ALICE, '--name', 'phone']);
  const link = await showing.line();
  const adding = first.start(['device', 'add', ...ALICE], open);
  adding.type(link);
  const digits = /^digits: (\d{6})$/.exec(await showing.line())?.[1] ?? '';
  adding.type(`${digits.slice(0, 3)} ${digits.slice(3)}`);
  return { link, showing, added: await adding.finished, linked: await showing.finished };
}

test('a device is linked, receives, sees what the other sends, and is revoked', LONG, async () => {
  const served = await serve();
  const [first, second] = [await shellFor(served), await shellFor(served)];
  await first.run(['register', ...ALICE]);
  const { link: text, showing, added, linked } = await link(first, second);
  expect(text).toMatch(/^sealmq:link\/[\w-]+$/);
  expect(readQr(picture(showing.notes()))).toBe(text);
  expect(picture(showing.notes()).every((line) => line.length <= 80 + 30)).toBe(true);
  expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining('"phone"') });
  expect(linked).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/alice has a new device .*: record version 2/),
  });

  await first.run(['register', '--address', 'bob']);
  await first.run(['send', '--address', 'bob', '--to', 'alice', 'to both']);
  await first.run(['send', ...ALICE, '--to', 'bob', 'by the first']);
  expect(await second.run(['listen', ...ALICE, '--no-follow'])).toMatchObject({
    code: 0,
    stdout: 'bob: to both\nalice (to bob): by the first\n',
  });

  const listed = JSON.parse((await second.run(['device', 'list', ...ALICE, '--json'])).stdout);
  expect(listed.devices).toMatchObject([{}, { id: listed.thisDevice, name: 'phone' }]);
  const rotated = await second.run(['keys', 'rotate', ...ALICE]);
  expect(rotated).toMatchObject({ code: 2, stderr: expect.stringContaining('[USAGE_NO_IDENTITY_KEY]') });

  expect(await first.run(['device', 'revoke', listed.thisDevice, ...ALICE])).toMatchObject({ code: 0 });
  await first.run(['send', '--address', 'bob', '--to', 'alice', 'not for the phone']);
  expect(await second.run(['listen', ...ALICE, '--no-follow'])).toMatchObject({ code: 0, stdout: '' });
  expect((await first.run(['listen', ...ALICE, '--count', '2'])).stdout).toBe('bob: to both\nbob: not for the phone\n');
});

test('other digits link nothing; a device that was not linked says so, and can be linked later', LONG, async () => {
  const served = await serve();
  const [first, second] = [await shellFor(served), await shellFor(served)];
  await first.run(['register', ...ALICE]);
  const showing = second.start(['device', 'link', ...ALICE, '--json']);
  const { link: text } = JSON.parse(await showing.line());
  const adding = first.start(['device', 'add', text, ...ALICE], open);
  const { digits } = JSON.parse(await showing.line());
  adding.type(digits === '000000' ? '000001' : '000000');
  expect(await adding.finished).toMatchObject({ code: 6, stderr: expect.stringContaining('[DIGITS_DIFFER]') });
  showing.child.kill('SIGINT');
  expect((await showing.finished).code).toBe(130);
  const listening = await second.run(['listen', ...ALICE, '--no-follow']);
  expect(listening).toMatchObject({ code: 5, stderr: expect.stringContaining('[STATE_NOT_LINKED]') });
  expect((await link(first, second)).linked.code).toBe(0);
});

test('status prints the figures of the queues', async () => {
  const shell = await shellFor(await serve());
  await shell.run(['register', ...ALICE]);
  const { stdout, code } = await shell.run(['status', ...ALICE, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ address: 'alice', version: 1, connection: 'connected' });
  const away = await shell.with({ SEALMQ_BROKER: 'mqtt://127.0.0.1:1' }).run(['status', ...ALICE, '--timeout', '1']);
  expect(away).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^connection: (disconnected|reconnecting|connecting)$/m),
  });
  // For people, a figure a line.
  expect(away.stdout).toMatch(/^([a-zA-Z]+(\.[a-zA-Z]+)*: [^{}]*\n)+$/);
  expect(away.stdout).toMatch(/^keys\.\w+: \d+$/m);
});
