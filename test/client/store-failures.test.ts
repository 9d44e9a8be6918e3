import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import type { StoreOperation } from '../../src/ports/store.js';
import { failingStore } from './failing-store.js';
import { createWorld, next, take, until, type World } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const patience = 300;
const everything = () => true;
const under = (prefix: string) => (operation: StoreOperation) => operation.key.startsWith(prefix);
const isUnavailable = expect.objectContaining({ code: 'STATE_UNAVAILABLE' });

/** Texts as they are handed over, for the whole test. */
function hear(messenger: Messenger): string[] {
  const heard: string[] = [];
  messenger.on('message', ({ text }) => void heard.push(text));
  return heard;
}

/** How many messages anybody publishes to `address`. */
async function countPublished(world: World, address: string): Promise<{ readonly count: number }> {
  const seen = { count: 0 };
  const listener = await world.client();
  listener.on('message', () => seen.count++);
  await listener.subscribeAsync(`nes/${address}/message`, { qos: 1 });
  return seen;
}

async function pair(options: Pick<MessengerOptions, 'settle'> = {}) {
  const world = await createWorld();
  const stores = { alice: failingStore(), bob: failingStore() };
  const bob = await world.join('bob', { ...options, timing, store: stores.bob });
  const alice = await world.join('alice', { timing, store: stores.alice });
  await (await alice.send('bob', 'one')).delivered;
  return { world, stores, alice, bob };
}

test('what cannot be kept is refused and not published; with space everything goes on', async () => {
  const { world, stores, alice, bob } = await pair();
  const published = await countPublished(world, 'bob');
  const lost = next(bob, 'lost');
  const heard = hear(bob);
  const warning = next(alice, 'warning');
  stores.alice.failOn(everything);
  await expect(alice.send('bob', 'two')).rejects.toMatchObject({
    code: 'STATE_UNAVAILABLE',
    cause: { code: 'ENOSPC' },
  });
  await expect(alice.send('bob', 'three')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(await warning).toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(alice.status().outbox).toBe(0);
  stores.alice.recover();
  await (await alice.send('bob', 'four')).delivered;
  // The numbers of what was refused are given up.
  expect(await lost).toMatchObject({ from: 'alice', range: [2, 3], reason: 'gone' });
  await until(() => heard.length === 2 || undefined);
  expect(heard).toEqual(['one', 'four']);
  expect(published.count).toBe(1);
});

test('a sender that is opened again with space gives the numbers of what it refused to others', async () => {
  const { world, stores, alice, bob } = await pair();
  stores.alice.failOn(everything);
  await expect(alice.send('bob', 'two')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  await alice.close({ patience });
  stores.alice.recover();
  const again = await world.open('alice', { timing, store: stores.alice });
  const sent = await again.send('bob', 'three');
  expect(sent.seq).toBe(2);
  await sent.delivered;
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['one', 'three']);
});

test('mail that cannot be kept is not acknowledged: it comes when there is space', async () => {
  const { stores, alice, bob } = await pair();
  const heard = hear(bob);
  const rejected = vi.fn();
  bob.on('rejected', rejected);
  await until(() => (heard.length === 1 && bob.status().opened === 0) || undefined);
  const warning = next(bob, 'warning');
  const down = next(bob, 'connection', ({ state }) => state === 'disconnected');
  stores.bob.failOn(everything);
  const sent = [await alice.send('bob', 'two'), await alice.send('bob', 'three')];
  expect(await down).toMatchObject({ cause: 'not-taken' });
  expect(await warning).toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(bob.status().inbox).toBe(0);
  stores.bob.recover();
  await Promise.all(sent.map(({ delivered }) => delivered));
  await until(() => heard.length === 3 || undefined);
  expect(heard).toEqual(['one', 'two', 'three']);
  // What the broker brought again had been seen here: that is no news.
  expect(rejected).not.toHaveBeenCalled();
});

test('mail that cannot be kept comes to the receiver that is opened again with space', async () => {
  const { world, stores, alice, bob } = await pair();
  const down = next(bob, 'connection', ({ state }) => state === 'disconnected');
  stores.bob.failOn(everything);
  const sent = await alice.send('bob', 'two');
  await down;
  await bob.close({ patience });
  stores.bob.recover();
  const again = await world.open('bob', { timing, store: stores.bob });
  const heard = hear(again);
  await sent.delivered;
  await until(() => heard.length === 2 || undefined);
  expect(heard).toEqual(['one', 'two']);
});

test('mail that was kept and cannot be moved on is opened when the store takes writes again', async () => {
  const { stores, alice, bob } = await pair();
  const heard = hear(bob);
  await until(() => heard.length === 1 || undefined);
  const warning = next(bob, 'warning');
  stores.bob.failOn(under('opened/'));
  const two = await alice.send('bob', 'two');
  expect(await warning).toEqual(isUnavailable);
  await until(() => stores.bob.failures > 1 || undefined);
  const told = vi.fn();
  void two.delivered.then(told);
  // The application may have it already; its sender is not told so before it is written.
  await sleep(10 * timing.receiptDelay);
  expect(told).not.toHaveBeenCalled();
  stores.bob.recover();
  await two.delivered;
  await (await alice.send('bob', 'three')).delivered;
  await until(() => heard.length === 3 || undefined);
  expect(heard).toEqual(['one', 'two', 'three']);
});

test('one failed write, then a kill: nothing that came is forgotten, nothing comes again', async () => {
  const { world, stores, alice, bob } = await pair();
  const heard = hear(bob);
  await until(() => (heard.length === 1 && bob.status().opened === 0) || undefined);
  stores.bob.failOn(under('opened/'));
  await alice.send('bob', 'two');
  await until(() => stores.bob.failures > 0 || undefined);
  stores.bob.recover();
  // What is remembered with this one must not hide the one before.
  await (await alice.send('bob', 'three')).delivered;
  await until(() => (heard.length === 3 && bob.status().opened === 0) || undefined);
  const left = await stores.bob.copy();
  await bob.close({ patience });
  const again = await world.open('bob', { timing, store: left });
  const later = hear(again);
  await (await alice.send('bob', 'four')).delivered;
  await until(() => later.length > 0 || undefined);
  expect([...heard, ...later]).toEqual(['one', 'two', 'three', 'four']);
});

test.each(['each', 'soon'] as const)(
  'a message whose completion cannot be recorded is not handed over twice by this process (%s)',
  async (settle) => {
    const { stores, alice, bob } = await pair({ settle });
    const warning = next(bob, 'warning');
    stores.bob.failOn(({ type, key }) => type === 'del' && key.startsWith('opened/'));
    const heard = hear(bob);
    expect(await warning).toEqual(isUnavailable);
    const two = await alice.send('bob', 'two');
    await until(() => stores.bob.failures > 1 || undefined);
    if (settle === 'soon') await until(() => heard.length === 2 || undefined);
    else expect(heard).toEqual(['one']);
    stores.bob.recover();
    await two.delivered;
    await until(() => heard.length === 2 || undefined);
    expect(heard).toEqual(['one', 'two']);
  },
);

test('while no completion can be recorded 64 messages are handed over, and the others when one can', async () => {
  const { stores, alice, bob } = await pair();
  stores.bob.failOn(({ type, key }) => type === 'del' && key.startsWith('opened/'));
  const texts = Array.from({ length: 100 }, (_, i) => String(i));
  await Promise.all(texts.map((text) => alice.send('bob', text)));
  await until(() => bob.status().opened === 101 || undefined);
  const heard = hear(bob);
  await until(() => stores.bob.failures > 2 || undefined);
  expect(heard).toEqual(['one', ...texts.slice(0, 63)]);
  stores.bob.recover();
  await until(() => bob.status().opened === 0 || undefined);
  expect(heard).toEqual(['one', ...texts]);
});

test('what the broker has is published when that is recorded, and not lost with the record', async () => {
  const { world, stores, alice, bob } = await pair();
  const published = await countPublished(world, 'bob');
  const warning = next(alice, 'warning');
  stores.alice.failOn(under('outbox-acknowledged'));
  const two = await alice.send('bob', 'two');
  expect(await warning).toEqual(isUnavailable);
  stores.alice.recover();
  await two.published;
  await two.delivered;
  expect(published.count).toBe(1);
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['one', 'two']);
});

test('mail that cannot be judged since the store cannot be read is opened when it can', async () => {
  const { world, stores, alice, bob } = await pair();
  const carol = await world.join('carol', { timing });
  await (await carol.send('alice', 'so that her record is known')).delivered;
  const heard = hear(bob);
  await until(() => heard.length === 1 || undefined);
  const warning = next(bob, 'warning');
  // Nothing is known of Carol's numbering, so it is looked for in the store.
  stores.bob.failReads();
  const hello = await carol.send('bob', 'hello');
  const two = await alice.send('bob', 'two');
  expect(await warning).toEqual(isUnavailable);
  await until(() => stores.bob.failures > 2 || undefined);
  expect(heard).toEqual(['one']);
  stores.bob.recover();
  await Promise.all([hello.delivered, two.delivered]);
  await until(() => heard.length === 3 || undefined);
  expect(heard).toEqual(['one', 'hello', 'two']);
});

test.each(['a handler', 'a loop'])(
  '%s waits for mail that cannot be read, and gets it when it can',
  async (consumer) => {
    const { world, stores, alice, bob } = await pair();
    await (await alice.send('bob', 'two')).delivered;
    await bob.close({ patience });
    // Of what an earlier process left nothing is in memory.
    const again = await world.open('bob', { timing, store: stores.bob });
    const warning = next(again, 'warning');
    stores.bob.failReads();
    const heard: string[] = [];
    if (consumer === 'a handler') again.on('message', ({ text }) => void heard.push(text));
    else
      void (async () => {
        for await (const { text } of again.messages()) heard.push(text);
      })();
    expect(await warning).toEqual(isUnavailable);
    await until(() => stores.bob.failures > 2 || undefined);
    expect(heard).toEqual([]);
    stores.bob.recover();
    await until(() => heard.length === 2 || undefined);
    expect(heard).toEqual(['one', 'two']);
  },
);
