import { join, resolve } from 'node:path';
import mqtt from 'mqtt';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from './built.js';
import { openShell, type Served, serve, shellFor, temporaryFolder } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

const CERTIFICATE = resolve('test/fixtures/tls/certificate.pem');
const TLS = ['--tls-cert', CERTIFICATE, '--tls-key', resolve('test/fixtures/tls/key.pem')];

test('tells its addresses, one a line', async () => {
  const { start } = await openShell();
  const running = start(['serve', '--mqtt', '0', '--ws', '0', '--http', '0']);
  const lines = [await running.line(), await running.line(), await running.line(), await running.line()];
  expect(lines.map((line) => line.trim().split(/\s+/).at(-1))).toEqual([
    expect.stringMatching(/^mqtt:\/\/127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^[\w-]{43}$/),
  ]);
  expect(await running.line()).toBe('admission      open: anybody, for any topic');
});

test('with --admission only registered devices come in, and they do so by themselves', async () => {
  const served = await serve('--admission');
  expect(served).toMatchObject({ admission: 'token' });
  await expect(mqtt.connectAsync(served.mqtt, { reconnectPeriod: 0 }, false)).rejects.toMatchObject({ code: 5 });
  const shell = await shellFor(served);
  for (const address of ['alice', 'bob'])
    expect(await shell.run(['register', '--address', address])).toMatchObject({ code: 0 });
  expect(await shell.run(['send', '--address', 'alice', '--to', 'bob', 'by token'])).toMatchObject({ code: 0 });
  const { stdout } = await shell.run(['listen', '--address', 'bob', '--count', '1']);
  expect(stdout).toBe('alice: by token\n');
  const { code, stderr } = await shell.run(['serve', '--open', '--admission']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('[USAGE_INVALID_ARGUMENT]')]);
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s: stops with everything stored, and goes on where it was',
  async (signal) => {
    const data = join(await temporaryFolder(), 'data');
    const first = await serve('--data', data);
    const before = await shellFor(first);
    for (const address of ['alice', 'bob']) await before.run(['register', '--address', address]);
    expect(await before.run(['send', '--address', 'alice', '--to', 'bob', 'over the restart'])).toMatchObject({
      code: 0,
    });
    first.running.child.kill(signal);
    expect(await first.running.finished).toMatchObject({ code: 0, stderr: '' });

    const second = await serve('--data', data);
    expect(second.directoryKey).toBe(first.directoryKey);
    const after = before.with({ SEALMQ_BROKER: second.mqtt, SEALMQ_DIRECTORY: second.http });
    const { stdout } = await after.run(['listen', '--address', 'bob', '--count', '1']);
    expect(stdout).toBe('alice: over the restart\n');
  },
);

test('TLS on all three', async () => {
  const served = await serve(...TLS);
  expect(served).toMatchObject({
    mqtt: expect.stringMatching(/^mqtts:/),
    ws: expect.stringMatching(/^wss:/),
    http: expect.stringMatching(/^https:/),
  });
  const trusting = await shellFor(served, { NODE_EXTRA_CA_CERTS: CERTIFICATE });
  expect(await trusting.run(['register', '--address', 'alice'])).toMatchObject({ code: 0 });
  const overWebSocket = trusting.with({ SEALMQ_BROKER: served.ws });
  expect(await overWebSocket.run(['send', '--address', 'alice', '--to', 'alice', 'note to self'])).toMatchObject({
    code: 0,
  });
  const distrusting = await shellFor(served);
  expect(await distrusting.run(['keys', 'show', '--of', 'alice'])).toMatchObject({ code: 3 });
});

test('other machines are not served in clear unless one insists', async () => {
  const shell = await openShell();
  const ports = ['serve', '--mqtt', '0', '--ws', '0', '--http', '0', '--host', '0.0.0.0', '--json'];
  expect(await shell.run(ports)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('[USAGE_INVALID_ARGUMENT]'),
  });
  for (const [flags, admission] of [
    [['--open'], 'open'],
    [[], 'token'],
  ] as const) {
    const insisting = shell.start([...ports, '--allow-insecure', ...flags]);
    const served = JSON.parse(await insisting.line()) as Served;
    expect(served.http).toMatch(/^http:\/\/0\.0\.0\.0:/);
    expect(served).toMatchObject({ admission });
  }
});

test('a port that is taken', async () => {
  const { mqtt } = await serve();
  const port = new URL(mqtt).port;
  const { code, stderr } = await (await openShell()).run(['serve', '--mqtt', port, '--ws', '0', '--http', '0']);
  expect(code).toBe(4);
  expect(stderr).toContain('EADDRINUSE');
});
