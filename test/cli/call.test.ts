import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { ensureBuilt, PROGRAM } from './built.js';
import { open, type Shell, serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

// Many programs, each of which has to start on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const MB = 1024 * 1024;

/** Alice and Bob, each on a machine of their own. */
async function two(): Promise<{ alice: Shell; bob: Shell }> {
  const served = await serve();
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map(async (name) => (await shellFor(served)).with({ SEALMQ_ADDRESS: name })),
  );
  return { alice: alice as Shell, bob: bob as Shell };
}

async function fileOf(shell: Shell, name: string, bytes: Uint8Array): Promise<string> {
  const path = join(shell.home, name);
  await writeFile(path, bytes);
  return path;
}

const hashOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

/** `sealmq …args < from > to`, by a shell, as people write it. */
function piped(shell: Shell, args: string, from: string, to: string, address: string) {
  const line = `exec ${process.execPath} ${PROGRAM} ${args} < ${from} > ${to}`;
  const env = { ...process.env, ...shell.env, SEALMQ_ADDRESS: address };
  const child = spawn('sh', ['-c', line], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let notes = '';
  child.stderr.on('data', (chunk) => {
    notes += String(chunk);
  });
  const finished = new Promise<{ code: number | null; notes: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, notes })),
  );
  const waits = new Promise<void>((resolve) =>
    child.stderr.on('data', () => notes.includes('waits for a call') && resolve()),
  );
  return { finished, waits };
}

describe.each([
  ['node-datachannel', '', 24 * MB, 'directly'],
  ['werift', '--stack werift', MB / 4, 'directly'],
  ['the broker alone', '--mqtt-only', 8 * MB, 'over the broker'],
])('a call over %s', (_name, way, size, said) => {
  test('pipes files of any size both ways at once', async () => {
    const { alice, bob } = await two();
    const sent = await fileOf(alice, 'sent', randomBytes(size));
    const reply = await fileOf(bob, 'reply', randomBytes(size / 8 + 1));
    const [got, back] = [join(bob.home, 'got'), join(alice.home, 'back')];
    const answering = piped(bob, `answer --register --accept-from alice ${way}`, reply, got, 'bob');
    await answering.waits;
    const calling = piped(alice, `call bob --register ${way}`, sent, back, 'alice');
    const ends = await Promise.all([calling.finished, answering.finished]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    expect(await hashOf(got)).toBe(await hashOf(sent));
    expect(await hashOf(back)).toBe(await hashOf(reply));
    for (const { notes } of ends) expect(notes).toContain(said);
  });
});

test('says whether the key was compared, and carries what is typed', async () => {
  const { alice, bob } = await two();
  const answering = bob.start(['answer', '--register', '--mqtt-only'], open);
  await answering.note('waits for a call');
  const calling = alice.start(['call', 'bob', '--register', '--mqtt-only', '--verbose'], open);
  await calling.note('is on the line');
  expect(calling.notes()).toContain('NOT compared');
  calling.type('how are you?');
  expect(await answering.line()).toBe('how are you?');
  answering.type('well');
  expect(await calling.line()).toBe('well');
  calling.child.stdin?.end();
  answering.child.stdin?.end();
  expect((await calling.finished).code).toBe(0);
  expect((await answering.finished).code).toBe(0);
});

test('waits for a slow reader, on both sides, in bounded memory', async () => {
  const { alice, bob } = await two();
  const sent = await fileOf(alice, 'sent', randomBytes(40 * MB));
  const answering = spawn(process.execPath, [PROGRAM, 'answer', '--register', '--mqtt-only', '--no-input'], {
    env: { ...process.env, ...bob.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise<void>((resolve) => answering.stderr.on('data', (text) => /waits/.test(String(text)) && resolve()));
  const answered = new Promise((resolve) => answering.once('close', resolve));
  const calling = piped(alice, 'call bob --register --mqtt-only', sent, '/dev/null', 'alice');
  // Nobody reads: a pipe's worth and a window are on their way, and no more.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const held = Number(
    /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${answering.pid}/status`, 'utf8').catch(() => ''))?.[1] ?? 0,
  );
  expect(held).toBeLessThan(400_000);
  const hash = createHash('sha256');
  let bytes = 0;
  answering.stdout.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  expect((await calling.finished).code).toBe(0);
  expect(await answered).toBe(0);
  expect(bytes).toBe((await stat(sent)).size);
  expect(hash.digest('hex')).toBe(await hashOf(sent));
});

describe('it is a failure', () => {
  test('to be declined, and not to be answered', async () => {
    const { alice, bob } = await two();
    const answering = bob.start(['answer', '--register', '--mqtt-only', '--accept-from', 'carol'], open);
    await answering.note('waits for a call');
    expect(await alice.run(['call', 'bob', '--register', '--mqtt-only'], 'hello')).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('CALL_DECLINED'),
    });
    expect(answering.notes()).toContain('declined a call by alice');
    answering.child.kill('SIGINT');
    expect((await answering.finished).code).toBe(130);
    expect(await alice.run(['call', 'bob', '--register', '--mqtt-only', '--timeout', '1'], 'hello')).toMatchObject({
      code: 7,
    });
    expect(await bob.run(['answer', '--register', '--mqtt-only', '--timeout', '1'])).toMatchObject({ code: 7 });
  });

  test('when the other one is in a call already, or goes away before the end', async () => {
    const { alice, bob } = await two();
    const answering = bob.start(['answer', '--register', '--mqtt-only'], open);
    await answering.note('waits for a call');
    const calling = alice.start(['call', 'bob', '--register', '--mqtt-only'], open);
    await calling.note('is on the line');
    const carol = alice.with({ SEALMQ_ADDRESS: 'carol' });
    expect(await carol.run(['call', 'bob', '--register', '--mqtt-only'], 'hello')).toMatchObject({ code: 9 });
    calling.type('half of it');
    expect(await answering.line()).toBe('half of it');
    calling.child.kill('SIGINT');
    expect((await calling.finished).code).toBe(130);
    expect(await answering.finished).toMatchObject({ code: 4, stderr: expect.stringContaining('before everything') });
  });

  test('to ask for a way that there is not', async () => {
    const { alice } = await two();
    expect(await alice.run(['call', 'bob', '--relay-only'])).toMatchObject({ code: 2 });
    expect(await alice.run(['call', 'bob', '--relay-only', '--mqtt-only'])).toMatchObject({ code: 2 });
    expect(await alice.run(['call', 'bob', '--ice-server', 'https://stun.example'])).toMatchObject({ code: 2 });
    expect(await alice.run(['call', 'bob', '--stack', 'carrier-pigeon'])).toMatchObject({ code: 2 });
  });
});

const asModule = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;

test('without a WebRTC stack it says that the call goes over the broker', async () => {
  const { alice } = await two();
  const hide = `export async function resolve(name, context, next) {
    if (name === 'node-datachannel' || name === 'werift') throw new Error('not installed');
    return next(name, context);
  }`;
  const hook = `import { register } from 'node:module'; register(${JSON.stringify(asModule(hide))});`;
  const bare = alice.with({ NODE_OPTIONS: `--import ${asModule(hook)}` });
  // Nobody is there: what counts comes before.
  const calling = await bare.run(['call', 'bob', '--register'], 'hello');
  expect(calling).toMatchObject({ code: 3, stderr: expect.stringContaining('the call goes over the broker') });
  expect(await bare.run(['call', 'bob', '--stack', 'werift'])).toMatchObject({ code: 2 });
});
