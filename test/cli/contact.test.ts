import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readQr } from '../qr/camera.js';
import { ensureBuilt } from './built.js';
import { type Shell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

/** Many processes, one after the other. */
const LONG = { timeout: 120_000 };

const picture = (notes: string) => notes.split('\n').filter((line) => line.startsWith('\u001b[38'));
const as = (address: string) => ['--address', address];

async function people(...names: string[]): Promise<Shell> {
  const shell = await shellFor(await serve());
  for (const name of names) await shell.run(['register', ...as(name)]);
  return shell;
}

test('a card is shown, added, and verified by the number that both sides see', LONG, async () => {
  const shell = await people('alice', 'bob', 'carol');
  const shown = await shell.run(['contact', 'show', ...as('bob'), '--name', 'Bob B.']);
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sealmq:card\/[\w-]+\n$/) });
  const lines = picture(shown.stderr);
  expect(readQr(lines)).toMatch(/^sealmq:card\/[\w-]+$/);
  expect(lines.every((line) => line.length <= 80 + 30)).toBe(true);

  const added = await shell.run(['contact', 'add', ...as('alice')], shown.stdout);
  expect(added).toMatchObject({ code: 0, stdout: 'bob "Bob B.": not verified, by card\n' });
  await shell.run(['contact', 'add', readQr(lines), ...as('carol')]);

  const [hers, his] = [
    await shell.run(['safety-number', 'bob', ...as('alice')]),
    await shell.run(['safety-number', 'alice', ...as('bob')]),
  ];
  expect(hers.stdout).toMatch(/^(\d{5} ){11}\d{5}\n$/);
  expect(his.stdout).toBe(hers.stdout);
  const code = readQr(picture(his.stderr));
  expect(code).toMatch(/^sealmq:safety\//);

  const carols = await shell.run(['safety-number', 'bob', ...as('carol')]);
  const differs = await shell.run(['contact', 'verify', 'bob', ...as('alice')], carols.stdout);
  expect(differs).toMatchObject({ code: 6, stderr: expect.stringContaining('[VERIFY_SAFETY_NUMBER]') });
  const listed = async () => (await shell.run(['contact', 'list', ...as('alice')])).stdout;
  expect(await listed()).toBe('bob "Bob B.": not verified, by card\n');
  const verified = await shell.run(['contact', 'verify', 'bob', ...as('alice')], his.stdout);
  expect(verified).toMatchObject({ code: 0, stdout: 'bob "Bob B.": verified, by card\n' });
  expect(await listed()).toBe(verified.stdout);
  const scanned = await shell.run(['contact', 'verify', 'bob', '--number', code, ...as('alice'), '--json']);
  expect(JSON.parse(scanned.stdout)).toMatchObject([{ address: 'bob', verified: true }]);

  const three = await shell.run(['safety-number', 'bob', 'alice', ...as('carol'), '--json']);
  const again = await shell.run(['safety-number', 'carol', 'bob', ...as('alice'), '--json']);
  expect(JSON.parse(again.stdout)).toEqual(JSON.parse(three.stdout));
});

test('contacts are renamed, blocked and removed; the list needs no network', LONG, async () => {
  const shell = await people('alice', 'bob');
  const alice = as('alice');
  expect(await shell.run(['contact', 'add', 'bob', ...alice])).toMatchObject({
    code: 0,
    stdout: 'bob: not verified\n',
  });
  const steps: [args: string[], stdout: string][] = [
    [['rename', 'bob', 'Robert'], 'bob "Robert": not verified\n'],
    [['block', 'bob'], 'bob "Robert": not verified, blocked\n'],
    [['unblock', 'bob'], 'bob "Robert": not verified\n'],
    [['rename', 'bob'], 'bob: not verified\n'],
    [['block', 'mallory'], 'mallory: no key, blocked\n'],
  ];
  for (const [args, stdout] of steps) {
    expect(await shell.run(['contact', ...args, ...alice])).toMatchObject({ code: 0, stdout });
  }
  const away = shell.with({ SEALMQ_BROKER: 'mqtt://127.0.0.1:1', SEALMQ_DIRECTORY: 'http://127.0.0.1:1' });
  const listed = await away.run(['contact', 'list', ...alice, '--json']);
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { address: 'bob', name: null, identity: expect.stringMatching(/^[\w-]{43}$/), verified: false, blocked: false },
    { address: 'mallory', identity: null, blocked: true, byCard: false },
  ]);
  expect((await shell.run(['contact', 'remove', 'mallory', ...alice])).stdout).toBe(
    'mallory is not among the contacts\n',
  );
  expect((await shell.run(['contact', 'remove', 'bob', ...alice])).stdout).toBe('bob is not among the contacts\n');
  expect(await away.run(['contact', 'list', ...alice])).toMatchObject({ code: 0, stdout: '' });
  const refusals: [args: string[], code: number, name: string][] = [
    [['rename', 'bob', 'x'], 2, 'USAGE_INVALID_ARGUMENT'],
    [['add', 'nobody'], 3, 'DIRECTORY_NOT_FOUND'],
    [['add', 'sealmq:card/AAAA'], 6, 'DECODE_CARD'],
    [['add', 'sealmq:link/AAAA'], 2, 'USAGE_INVALID_ADDRESS'],
    [['accept-key', 'bob'], 2, 'USAGE_INVALID_ARGUMENT'],
    [['verify', 'bob', '--number', '123'], 6, 'DECODE_SAFETY_NUMBER'],
  ];
  for (const [args, code, name] of refusals) {
    const stderr = expect.stringContaining(`[${name}]`);
    expect(await shell.run(['contact', ...args, ...alice])).toMatchObject({ code, stderr, stdout: '' });
  }
});

test('a card is written as an image', LONG, async () => {
  const shell = await people('alice');
  const [svg, png] = [join(shell.home, 'card.svg'), join(shell.home, 'card.png')];
  const shown = await shell.run([
    'contact',
    'show',
    ...as('alice'),
    '--svg',
    svg,
    '--png',
    png,
    '--days',
    '2',
    '--json',
  ]);
  const { address, link, qr, expiresAt } = JSON.parse(shown.stdout);
  expect([address, link.slice(0, 12), qr.slice(0, 12)]).toEqual(['alice', 'sealmq:card/', 'sealmq:card/']);
  expect(qr.length).toBeLessThan(link.length);
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(2 * 24 * 3600 * 1000);
  expect(picture(shown.stderr)).toEqual([]);
  expect(await readFile(svg, 'utf8')).toMatch(/^<svg /);
  expect((await readFile(png)).subarray(1, 4).toString()).toBe('PNG');
  const nowhere = await shell.run(['contact', 'show', ...as('alice'), '--svg', join(shell.home, 'no', 'card.svg')]);
  expect(nowhere).toMatchObject({ code: 5, stderr: expect.stringContaining('[STATE_UNAVAILABLE]') });
});
