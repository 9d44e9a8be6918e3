import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { closing } from '../client/world.js';
import { freePort } from '../peers/programs.js';
import { ensureBuilt } from './built.js';
import { openShell, type Served, serve } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

const CERTIFICATE = resolve('test/fixtures/tls/certificate.pem');
const KEY = resolve('test/fixtures/tls/key.pem');

/** One message of Alice's reaches Bob and Carol by the relay. */
async function expectRelayed({ mqtt, http }: Served, options: Partial<MessengerOptions> = {}): Promise<void> {
  const join = async (address: string) => {
    const places = { broker: mqtt, directory: http, store: memoryStore() };
    const messenger = await Messenger.open({ address, ...places, ...options });
    closing(() => messenger.close());
    await messenger.register();
    return messenger;
  };
  const [alice] = [await join('alice'), await join('bob'), await join('carol')];
  const sent = await alice.send(['bob', 'carol'], 'hello');
  expect((await sent.outcomes).map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
}

test('serve --relay: one message reaches two, by a relay that the directory names', async () => {
  await expectRelayed(await serve('--relay'));
});

test('serve --relay with TLS and tokens: the relay comes in like everybody, by the name in the certificate', async () => {
  const shell = await openShell({ NODE_EXTRA_CA_CERTS: CERTIFICATE });
  const port = String(await freePort());
  const tls = ['--tls-cert', CERTIFICATE, '--tls-key', KEY, '--admission'];
  const running = shell.start([
    ...['serve', '--mqtt', port, '--ws', '0', '--http', '0', '--json', ...tls],
    ...['--relay', `mqtts://127.0.0.1:${port}`],
  ]);
  const served = JSON.parse(await running.line()) as Served;
  expect(served).toMatchObject({ mqtt: `mqtts://127.0.0.1:${port}`, admission: 'token' });
  await expectRelayed(served, { tls: { ca: readFileSync(CERTIFICATE, 'utf8') } });
  const { code, stderr } = await shell.run(['serve', '--mqtt', '0', '--ws', '0', '--http', '0', ...tls, '--relay']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('[USAGE_INVALID_ARGUMENT]')]);
});

test('serve --relay --push-contact: the relay has a key for push services', async () => {
  const { mqtt, http } = await serve('--relay', '--push-contact', 'mailto:operator@example.org');
  const alice = await Messenger.open({ address: 'alice', broker: mqtt, directory: http, store: memoryStore() });
  closing(() => alice.close());
  expect(await alice.pushKey()).toMatch(/^B[\w-]{86}$/);
});
