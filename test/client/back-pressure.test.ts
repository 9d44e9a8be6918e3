import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { createWorld, take, until } from './world.js';

const limits = { outbox: { entries: 5, bytes: 1 << 20 } };
const offline = { broker: 'mqtt://127.0.0.1:1', connectTimeout: 300, connect: 'background' as const };
const texts = (count: number) => Array.from({ length: count }, (_, i) => String(i));

test('sends that wait for room go on as receipts come, in the order of the calls, and the sender goes on receiving', async () => {
  const world = await createWorld();
  const timing = { receiptDelay: 20 };
  const [alice, bob] = [await world.join('alice', { limits }), await world.join('bob', { timing })];
  const taken = take(bob, 40);
  const heard = take(alice, 1);
  const sent = await Promise.all(texts(40).map((text) => alice.send('bob', text)));
  const seqs = sent.map(({ seq }) => seq);
  // What had room at the same time was sealed together.
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  expect(new Set(seqs).size).toBe(seqs.at(-1));
  expect((await taken).map(({ text }) => text)).toEqual(texts(40));
  await bob.send('alice', 'all here');
  expect((await heard)[0]?.text).toBe('all here');
});

test('while a send waits for room, receipts and mail are taken all the same', async () => {
  const world = await createWorld();
  const store = { ...memoryStore(), close: async () => {} };
  const [alice, bob] = [await world.join('alice', { limits }), await world.join('bob', { store })];
  await bob.close();
  for (const text of texts(5)) await alice.send('bob', text);
  let isThrough = false;
  const waiting = alice.send('bob', 'waits').then(() => {
    isThrough = true;
  });
  const carol = await world.join('carol');
  const heard = take(alice, 1);
  await carol.send('alice', 'hello');
  expect((await heard)[0]?.text).toBe('hello');
  expect(isThrough).toBe(false);
  const again = await world.open('bob', { store });
  const all = take(again, 6);
  await waiting;
  expect((await all).map(({ text }) => text)).toEqual([...texts(5), 'waits']);
});

test('who does not wait is refused at once, also behind somebody who waits', async () => {
  const world = await createWorld();
  await world.join('bob');
  const alice = await world.join('alice', { ...offline, limits });
  for (const text of texts(5)) await alice.send('bob', text);
  const waiting = alice.send('bob', 'waits').catch((error) => error.code);
  await expect(alice.send('bob', 'no', { whenFull: 'refuse' })).rejects.toMatchObject({ code: 'STATE_FULL' });
  await alice.close();
  expect(await waiting).toBe('USAGE_CLOSED');
});

test('sends at the same time do not overfill the outbox', async () => {
  const world = await createWorld();
  const names = ['bob', 'carol', 'dave', 'erin', 'fay', 'gus', 'hal', 'ida'];
  for (const name of names) await world.join(name);
  const alice = await world.join('alice', { ...offline, limits });
  const results = await Promise.allSettled(names.map((name) => alice.send(name, 'hi', { whenFull: 'refuse' })));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  expect(alice.status().outbox).toBe(5);
});

test('the outbox is bounded in bytes as well', async () => {
  const world = await createWorld();
  await world.join('bob');
  const alice = await world.join('alice', { ...offline, limits: { outbox: { bytes: 100_000 } } });
  const large = new Uint8Array(30_000);
  const results = [];
  for (let i = 0; i < 5; i++)
    results.push(
      await alice.send('bob', large, { whenFull: 'refuse' }).then(
        () => 'kept',
        (error) => error.code,
      ),
    );
  expect(results).toEqual(['kept', 'kept', 'kept', 'kept', 'STATE_FULL']);
});

test('a send that fails gives its room back', async () => {
  const world = await createWorld();
  await world.join('bob');
  const alice = await world.join('alice', { ...offline, limits });
  for (let i = 0; i < 8; i++)
    await expect(alice.send('nobody', 'x')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  for (const text of texts(5)) await alice.send('bob', text, { whenFull: 'refuse' });
  await until(() => alice.status().outbox === 5 || undefined);
});
