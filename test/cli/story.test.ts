import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from './built.js';
import { openShell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

test('the two minutes of the README', async () => {
  const served = await serve();
  const shell = await shellFor(served);
  const bob = shell.start(['listen', '--address', 'bob', '--register', '--json', '--count', '1', '--verbose']);
  await bob.note('bob listens');
  const alice = await shell.run(['send', '--address', 'alice', '--register', '--to', 'bob', 'Hello Bob!']);
  expect(alice).toMatchObject({ code: 0 });
  const { code, stdout } = await bob.finished;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    from: 'alice',
    copyTo: null,
    text: 'Hello Bob!',
    id: alice.stdout.trim(),
    seq: 1,
    channel: null,
    contentType: 'text/plain;charset=utf-8',
    sentAt: expect.stringMatching(/^\d{4}-.*Z$/),
    device: expect.stringMatching(/^[a-z2-7]{16}$/),
  });
});

test('standard input: text as it is, bytes where it is not UTF-8; what was printed does not come again', async () => {
  const shell = await shellFor(await serve());
  const bob = ['listen', '--address', 'bob'];
  await shell.run(['register', '--address', 'bob']);
  await shell.run(['register', '--address', 'alice']);
  const send = (input: string | Uint8Array, ...args: string[]) =>
    shell.run(['send', '--address', 'alice', '--to', 'bob', ...args], input);
  expect(await send('21.5\n', '--channel', 'temperature', '--content-type', 'text/csv')).toMatchObject({ code: 0 });
  expect(await send(Uint8Array.of(0xff, 0, 1))).toMatchObject({ code: 0 });
  expect(await send('two\nlines \u001b[2J')).toMatchObject({ code: 0 });

  const { stdout } = await shell.run([...bob, '--count', '2', '--json']);
  const [text, bytes] = stdout.trim().split('\n');
  expect(JSON.parse(text ?? '')).toMatchObject({
    text: '21.5\n',
    channel: 'temperature',
    contentType: 'text/csv',
    seq: 1,
  });
  expect(JSON.parse(bytes ?? '')).toMatchObject({ text: null, bytes: '_wAB', contentType: 'application/octet-stream' });
  // Neither a line that looks like somebody else's nor anything that moves the cursor.
  expect(await shell.run([...bob, '--count', '1'])).toMatchObject({
    code: 0,
    stdout: 'alice: two\n  lines \\u001b[2J\n',
  });
  expect(await shell.run([...bob, '--timeout', '0.5'])).toMatchObject({ code: 0, stdout: '' });
});

test('what a closed pipe did not take comes again', async () => {
  const shell = await shellFor(await serve());
  const bob = shell.start(['listen', '--address', 'bob', '--register', '--verbose']);
  await bob.note('bob listens');
  bob.child.stdout?.destroy();
  expect(await shell.run(['send', '--address', 'alice', '--register', '--to', 'bob', 'unseen'])).toMatchObject({
    code: 0,
  });
  const { code, stderr } = await bob.finished;
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/EPIPE|Error:|at file:/);
  expect(await shell.run(['listen', '--address', 'bob', '--count', '1'])).toMatchObject({ stdout: 'alice: unseen\n' });
});

test('chat: lines go out in their order, what comes is shown, the end of the input ends it', async () => {
  const shell = await shellFor(await serve());
  await shell.run(['register', '--address', 'bob']);
  const alice = await shell.run(['chat', '--address', 'alice', '--register', '--to', 'bob'], 'one\n\ntwo\nthree');
  expect(alice).toMatchObject({ code: 0, stdout: '' });
  const bob = await shell.run(['listen', '--address', 'bob', '--count', '3']);
  expect(bob.stdout).toBe('alice: one\nalice: two\nalice: three\n');
});

test('keys are made without a network, and stay', async () => {
  const shell = await openShell({ SEALMQ_BROKER: 'mqtt://127.0.0.1:1', SEALMQ_DIRECTORY: 'http://127.0.0.1:1' });
  const generate = ['generate', '--address', 'alice', '--json', '--suite', 'P256-ESP256', '--name', 'laptop'];
  const made = JSON.parse((await shell.run(generate)).stdout);
  expect(made).toMatchObject({ address: 'alice', created: true, identity: expect.stringMatching(/^[\w-]{43}$/) });
  expect(JSON.parse((await shell.run(generate)).stdout)).toEqual({ ...made, created: false });
  const { stdout, code } = await shell.run(['keys', 'show', '--address', 'alice', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    ...{ version: 1, identity: made.identity, registered: false, thisDevice: made.device },
    devices: [{ id: made.device, name: 'laptop', sealKey: { algorithm: 'P-256' } }],
  });
});
