import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as server from '../../src/server/index.js';
import { closing, createWorld, take } from '../client/world.js';
import { startRelay } from '../relay/site.js';
import { program, snippets } from './snippets.js';

const [first, own] = snippets('docs/relay.md', 'js') as [string, string];

test('the page’s first lines do what they say', async () => {
  const world = await createWorld();
  await startRelay(world);
  const [alice, bob] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
  const outcomes = program(['alice'], first.replace('await sent.outcomes', 'return sent.outcomes'))(alice);
  expect(await outcomes).toEqual([
    { kind: 'accepted', to: 'bob' },
    { kind: 'accepted', to: 'carol' },
  ]);
  expect((await take(bob, 1))[0]?.text).toBe('for both of you');
});

test('a relay of one’s own is made as the page says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-relay-'));
  closing(() => rm(folder, { recursive: true, force: true }));
  const broker = await server.createBroker();
  closing(() => broker.close());
  const here = own
    .replace("import { createKeyProvider, createRelay } from 'sealmq/server';", '')
    .replace('mqtt://127.0.0.1:1883', broker.mqttUrl as string)
    .replace('port: 8080', 'port: 0')
    .replaceAll("'./", `'${folder}/`);
  const made = (await program(['createKeyProvider', 'createRelay'], `${here}; return { directory, relay };`)(
    server.createKeyProvider,
    server.createRelay,
  )) as { directory: server.KeyProvider; relay: server.Relay };
  closing(() => made.directory.close());
  closing(() => made.relay.close());
  expect((await fetch(`${made.directory.url}/v1/keys/relay`)).status).toBe(200);
});
