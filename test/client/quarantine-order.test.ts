import { expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { SealMQError } from '../../src/errors.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { provider } from './liar.js';
import { createWorld, take, until } from './world.js';

/** Bob with three messages of Alice in his quarantine, which he tries again only when he comes; his directory fails as often as it is told to. */
async function waitingMail() {
  const world = await createWorld();
  const shared = await staticDirectory({ provider });
  const failures = { left: 0 };
  const directory: KeyDirectory = {
    ...shared,
    lookup(address, hash) {
      if (failures.left === 0 || address !== 'alice') return shared.lookup(address, hash);
      failures.left--;
      throw new SealMQError('DIRECTORY_UNREACHABLE', 'away');
    },
  };
  const store = { ...memoryStore(), close: async () => {} };
  const settings = { directory, store, quarantine: { retryAfter: 3_600_000 }, keyCache: { cooldown: 0 } };
  const bob = await world.join('bob', settings);
  const alice = await world.join('alice', { directory: shared });
  failures.left = Number.POSITIVE_INFINITY;
  for (const text of ['one', 'two', 'three']) await alice.send('bob', text);
  await until(() => bob.status().quarantine === 3 || undefined);
  return { alice, bob, failures, reopen: () => world.open('bob', settings) };
}

test('what comes when the directory is back waits behind what waits already', async () => {
  const { alice, bob, failures, reopen } = await waitingMail();
  failures.left = 0;
  const last = await alice.send('bob', 'four');
  await last.published;
  await until(() => bob.status().quarantine === 4 || undefined);
  await bob.close();
  const texts = (await take(await reopen(), 4)).map(({ text }) => text);
  expect(texts).toEqual(['one', 'two', 'three', 'four']);
});

test('what waits is opened behind what has to wait longer: the directory may come back in between', async () => {
  const { bob, failures, reopen } = await waitingMail();
  await bob.close();
  failures.left = 1;
  const texts = (await take(await reopen(), 3)).map(({ text }) => text);
  expect(texts).toEqual(['one', 'two', 'three']);
});
