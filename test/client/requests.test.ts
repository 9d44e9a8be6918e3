import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { carelessDirectory } from './careless-directory.js';
import { createWorld, take } from './world.js';

test('a request is answered by the one who was asked', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  bob.respond((message) => ({ echo: message.text.toUpperCase() }));
  const answer = await alice.request('bob', 'how are you?');
  expect(answer).toMatchObject({ from: 'bob' });
  expect(answer.json()).toEqual({ echo: 'HOW ARE YOU?' });
  const both = await Promise.all([alice.request('bob', 'one'), alice.request('bob', 'two')]);
  expect(both.map((message) => message.json())).toEqual([{ echo: 'ONE' }, { echo: 'TWO' }]);
  expect(alice.status().opened).toBe(0);
});

test('without an answer in time it fails, and a late answer is an ordinary message', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await expect(alice.request('bob', 'anybody there?', { timeout: 50, expiresIn: 60 })).rejects.toMatchObject({
    code: 'TRANSPORT_TIMEOUT',
  });
  const [question] = await take(bob, 1);
  await bob.send('alice', 'sorry, I was out', { inReplyTo: question?.id as string });
  expect((await take(alice, 1))[0]).toMatchObject({ text: 'sorry, I was out', inReplyTo: question?.id });
});

test('nobody else can answer in their place', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const mallory = await world.join('mallory');
  bob.respond(async (message) => {
    await (await mallory.send('alice', 'I am Bob', { inReplyTo: message.id })).delivered;
    return 'I am Bob indeed';
  });
  const answer = await alice.request('bob', 'who are you?');
  expect(answer).toMatchObject({ from: 'bob', text: 'I am Bob indeed' });
  expect((await take(alice, 1))[0]).toMatchObject({ from: 'mallory' });
});

test('a handler that answers undefined sends nothing, and closing ends what waits', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  bob.respond(() => undefined);
  const waiting = alice.request('bob', 'hm?').catch((error) => error.code);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await alice.close();
  expect(await waiting).toBe('USAGE_CLOSED');
});

test('a request may wait for longer than a timer can', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  bob.respond(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return 'at last';
  });
  expect((await alice.request('bob', 'when?', { timeout: 30 * 24 * 3_600_000 })).text).toBe('at last');
});

test('a request waits for room in the outbox no longer than for its answer, and is not sent afterwards', async () => {
  const world = await createWorld();
  const store = { ...memoryStore(), close: async () => {} };
  const bob = await world.join('bob', { store });
  const alice = await world.join('alice', { limits: { outbox: { entries: 1 } } });
  await bob.close();
  await alice.send('bob', 'fills the outbox');
  await expect(alice.request('bob', 'anybody there?', { timeout: 100, expiresIn: 60 })).rejects.toMatchObject({
    code: 'TRANSPORT_TIMEOUT',
  });
  const again = await world.open('bob', { store });
  const heard = take(again, 2);
  await alice.send('bob', 'the next');
  expect((await heard).map(({ text }) => text)).toEqual(['fills the outbox', 'the next']);
});

test('a request that waited too long for the keys is not sent; what waited beside it is', async () => {
  const world = await createWorld();
  const directory = carelessDirectory();
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const slow: typeof directory = {
    ...directory,
    async lookup(...what) {
      if (what[0] === 'bob') await held;
      return directory.lookup(...what);
    },
  };
  const [alice, bob] = [await world.join('alice', { directory: slow }), await world.join('bob', { directory })];
  const terms = { expiresIn: 60 };
  const asked = alice.request('bob', 'anybody there?', { timeout: 50, ...terms });
  const beside = alice.send('bob', 'beside it', terms);
  const alone = alice.request('bob', 'and now?', { timeout: 50, expiresIn: 30 });
  for (const one of [asked, alone]) await expect(one).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });
  const heard = take(bob, 2);
  answer();
  await beside;
  await alice.send('bob', 'the next');
  expect((await heard).map(({ text, seq }) => [text, seq])).toEqual([
    ['beside it', 1],
    ['the next', 2],
  ]);
});
