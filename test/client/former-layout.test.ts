import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { outboxCodec } from '../../src/client/entries.js';
import { acknowledgedSoFar } from '../../src/client/outbox.js';
import { storedEntries } from '../../src/client/queue-values.js';
import { openState } from '../../src/client/state.js';
import { sentKey } from '../../src/client/tracking.js';
import { defaultProvider } from '../../src/crypto/probe.js';
import type { StoreOperation } from '../../src/ports/store.js';
import { closing, createWorld, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };

/** Makes of a folder what a release with schema 1 would have left: what the broker has lies under `sent/`. */
async function makeFormer(folder: string): Promise<void> {
  const { store } = await openState({ address: 'alice', store: folder }, await defaultProvider());
  const operations: StoreOperation[] = [{ type: 'put', key: 'meta/schema', value: encodeCbor(1) }];
  for await (const { key, value, at } of storedEntries(store, 'outbox', { last: await acknowledgedSoFar(store) })) {
    const entry = { ...outboxCodec.decode(value), publishedAt: Math.floor(at) };
    const former = `sent/${sentKey(entry.to, entry.stream, entry.seq)}`;
    operations.push({ type: 'del', key }, { type: 'put', key: former, value: outboxCodec.encode(entry) });
  }
  await store.batch([...operations, { type: 'del', key: 'outbox-acknowledged' }]);
  await store.close();
}

async function schemaOf(folder: string) {
  const { store } = await openState({ address: 'alice', store: folder }, await defaultProvider());
  const schema = decodeCbor((await store.get('meta/schema')) as Uint8Array);
  await store.close();
  return schema;
}

test('a folder of the former layout goes on where it was, and is marked so that the former release refuses it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-former-'));
  closing(() => rm(folder, { recursive: true, force: true }));
  const world = await createWorld();
  const bobs = { timing, store: join(folder, 'bob') };
  const bob = await world.join('bob', bobs);
  const store = join(folder, 'alice');
  const alice = await world.join('alice', { timing, store });
  await (await alice.send('bob', 'zero')).delivered;
  await bob.close();
  for (const text of ['one', 'two', 'three']) await (await alice.send('bob', text)).published;
  await alice.close();
  await makeFormer(store);

  const again = await world.open('alice', { timing, store });
  expect(again.status()).toMatchObject({ outbox: 0, unreceipted: 3 });
  const heard: string[] = [];
  (await world.open('bob', bobs)).on('message', ({ text }) => void heard.push(text));
  await (await again.send('bob', 'four')).delivered;
  await until(() => (heard.length === 5 && again.status().unreceipted === 0) || undefined);
  expect(heard).toEqual(['zero', 'one', 'two', 'three', 'four']);
  await again.close();
  expect(await schemaOf(store)).toBe(2);
});
