import { describe, expect, test } from 'vitest';
import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import type { RelayOptions } from '../../src/server/relay/relay.js';
import { linkTo } from '../client/linking.js';
import { createWorld, next, take, until, type World } from '../client/world.js';
import { native } from '../envelope/parties.js';
import { createPushService } from './push-service.js';
import { startRelay } from './site.js';

const SOON = { handInAgainAfter: 200 };

test('one message to several: each has it once, knows who else has, and the sender knows when', async () => {
  const world = await related();
  const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
  const sent = await alice.send(['carol', 'bob'], 'to both');
  expect(sent.to).toEqual(['bob', 'carol']);
  expect(await sent.outcomes).toEqual([
    { kind: 'accepted', to: 'bob' },
    { kind: 'accepted', to: 'carol' },
  ]);
  for (const messenger of [bob, carol]) {
    const [message] = await take(messenger, 1);
    expect(message).toMatchObject({ id: sent.id, from: 'alice', text: 'to both', seq: 1, receivers: ['bob', 'carol'] });
  }
  await Promise.all(sent.each.map(({ delivered }) => delivered));
  await until(() => (alice.status().unreceipted === 0 ? true : undefined));
  expect(alice.status()).toMatchObject({ outbox: 0, handIns: 0 });
});

test('the broker sees who hands in, and nothing of it in the clear', async () => {
  const world = await related();
  const [alice, bob] = [await world.join('alice', { via: 'relay' }), await world.join('bob', { via: 'relay' })];
  const topics: string[] = [];
  const watcher = await world.client();
  watcher.on('message', (topic) => topics.push(topic));
  await watcher.subscribeAsync('nes/#', { qos: 1 });
  const sent = await alice.send('bob', 'by the relay');
  await sent.published;
  await sent.delivered;
  expect((await take(bob, 1))[0]).toMatchObject({ text: 'by the relay', receivers: undefined });
  // The receipt went by the relay as well.
  expect(topics).toEqual(
    expect.arrayContaining(['nes/relay/hand-in', 'nes/bob/message', 'nes/alice/relay', 'nes/alice/control']),
  );
  expect(topics.filter((topic) => topic === 'nes/relay/hand-in')).toHaveLength(2);
});

test('a receiver who is not registered any more is a typed outcome, and the others have it', async () => {
  const registered = async (address: string) => address !== 'carol';
  const world = await related({ registered });
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await world.join('carol');
  const sent = await alice.send(['bob', 'carol'], 'hello');
  expect(await sent.outcomes).toMatchObject([
    { kind: 'accepted', to: 'bob' },
    { kind: 'refused', to: 'carol', error: { code: 'DIRECTORY_NOT_FOUND' } },
  ]);
  await expect(sent.each[1]?.published).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  await expect(sent.each[1]?.delivered).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  expect((await take(bob, 1))[0]?.text).toBe('hello');
});

test('more than the relay takes is refused for good', async () => {
  const world = await related({ limits: { receivers: 1 } });
  const [alice] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
  const sent = await alice.send(['bob', 'carol'], 'hello');
  expect(await sent.outcomes).toMatchObject([
    { kind: 'refused', error: { code: 'TRANSPORT_REFUSED' } },
    { kind: 'refused', error: { code: 'TRANSPORT_REFUSED' } },
  ]);
  expect(alice.status().handIns).toBe(0);
});

test('many messages arrive in order, also where others go directly', async () => {
  const world = await related();
  const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
  const texts = Array.from({ length: 60 }, (_, n) => String(n));
  for (const [n, text] of texts.entries()) await alice.send(n % 3 === 0 ? ['bob'] : ['bob', 'carol'], text);
  expect((await take(bob, 60)).map(({ text }) => text)).toEqual(texts);
  expect((await take(carol, 40)).map(({ text }) => text)).toEqual(texts.filter((_, n) => n % 3 !== 0));
});

test('a hand-in that nobody takes waits, over a restart of its sender, until there is a relay', async () => {
  const world = await createWorld();
  const relay = await startRelay(world);
  const keys = { file: await relay.exportKeys('word'), passphrase: 'word' };
  await relay.close();
  const store = sharedStore();
  const bob = await world.join('bob');
  const alice = await world.join('alice', { store });
  await alice.send(['bob'], 'patience');
  await alice.close({ patience: 50 });
  const again = await world.join('alice', { store, timing: SOON });
  expect(again.status().handIns).toBe(1);
  await startRelay(world, { keys });
  expect((await take(bob, 1))[0]?.text).toBe('patience');
  await until(() => (again.status().handIns === 0 ? true : undefined));
});

test('close waits until what the relay has answered is written, and tells who waits for it', async () => {
  const world = await related();
  const store = sharedStore();
  let release = (): void => {};
  const writing = new Promise<void>((began) => {
    const { batch } = store;
    store.batch = async (operations, options) => {
      if (operations.some(({ type, key }) => type === 'del' && key.startsWith('hand-in/'))) {
        await new Promise<void>((resolve) => {
          release = resolve;
          began();
        });
      }
      return batch(operations, options);
    };
  });
  const [alice] = [await world.join('alice', { store }), await world.join('bob')];
  const sent = await alice.send(['bob'], 'and goodbye');
  await writing;
  const closed = alice.close();
  await new Promise(setImmediate);
  release();
  expect(await sent.outcomes).toEqual([{ kind: 'accepted', to: 'bob' }]);
  await closed;
});

test('a relay that has other keys now is found by itself', async () => {
  const world = await createWorld();
  const first = await startRelay(world);
  const [alice, bob] = [await world.join('alice', { timing: SOON }), await world.join('bob')];
  await (await alice.send(['bob'], 'one')).outcomes;
  await first.close();
  await startRelay(world);
  await alice.send(['bob'], 'two');
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['one', 'two']);
});

test('where the directory names no relay nothing is sent, and nothing is counted', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await expect(alice.send(['bob'], 'hello')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  const sent = await alice.send('bob', 'directly');
  expect(sent.seq).toBe(1);
  expect((await take(bob, 1))[0]?.text).toBe('directly');
});

test.each([
  ['nobody', []],
  ['somebody twice', ['bob', 'bob']],
  ['oneself', ['alice', 'bob']],
])('a list with %s is refused', async (_what, to) => {
  const world = await related();
  const alice = await world.join('alice');
  await world.join('bob');
  await expect(alice.send(to, 'hello')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
});

test('our own other devices get a copy that says to whom it was', async () => {
  const world = await related();
  const alice = await world.join('alice');
  const phone = await linkTo(world, alice);
  await world.join('bob');
  await world.join('carol');
  await alice.send(['bob', 'carol'], 'to both');
  const [copy] = await take(phone, 1);
  expect(copy).toMatchObject({ text: 'to both', copy: true, to: ['bob', 'carol'] });
});

describe('a relay that cheats', () => {
  test('and swaps messages between receivers is found out by them', async () => {
    const world = await related();
    const [alice, bob] = [await world.join('alice'), await world.join('bob')];
    const carol = await world.join('carol');
    const swapper = await world.client();
    const rejected = next(carol, 'rejected');
    const overheard = await world.overhear('nes/bob/message');
    await alice.send('bob', 'for Bob alone', { via: 'relay' });
    await swapper.publishAsync('nes/carol/message', Buffer.from(await overheard.bytes), { qos: 1 });
    expect(await rejected).toMatchObject({ reason: 'not-for-me' });
    expect((await take(bob, 1))[0]?.text).toBe('for Bob alone');
  });

  test('and puts a copy twice into a queue is found out, too', async () => {
    const world = await related();
    const [alice, bob] = [await world.join('alice'), await world.join('bob')];
    const overheard = await world.overhear('nes/bob/message');
    await alice.send(['bob'], 'once');
    const rejected = next(bob, 'rejected');
    const copier = await world.client();
    await copier.publishAsync('nes/bob/message', Buffer.from(await overheard.bytes), { qos: 1 });
    expect(await rejected).toMatchObject({ reason: 'duplicate' });
  });
});

test('answers that are none of the relay’s settle nothing', async () => {
  const world = await createWorld();
  const relay = await startRelay(world);
  await relay.close();
  const alice = await world.join('alice');
  await world.join('bob');
  await alice.send(['bob'], 'hello');
  const forger = await world.client();
  for (const bytes of [Uint8Array.of(), encodeCbor(['accepted']), new Uint8Array(1000).fill(0xd8)]) {
    await forger.publishAsync('nes/alice/relay', Buffer.from(bytes), { qos: 1 });
  }
  await (await alice.send('bob', 'directly')).published;
  expect(alice.status().handIns).toBe(1);
  await alice.close({ patience: 50 });
});

test.each(['a message', 'where to be woken'])(
  'a clock that is wrong is set right by the answer to %s where the directory has no time',
  async (what) => {
    const service = await createPushService();
    const world = await related({ push: service.options });
    const skew = 3_600_000;
    const clock = { now: () => Date.now() - skew };
    const { directory } = world;
    const timeless = { ...httpKeyDirectory({ url: directory.url, provider: native }), time: async () => undefined };
    const bob = await world.join('bob');
    const store = sharedStore();
    // Registered while its clock was right: a record that was issued an hour ago would be refused.
    await (await world.join('alice', { store })).close();
    const alice = await world.open('alice', { clock, directory: timeless, store });
    if (what === 'a message') {
      const sent = await alice.send(['bob'], 'late');
      await sent.outcomes;
      expect((await take(bob, 1))[0]?.text).toBe('late');
    } else await alice.updatePush(service.subscribe());
    expect(Math.abs(alice.status().clockDelta - skew)).toBeLessThan(20_000);
  },
);

async function related(options: Partial<RelayOptions> = {}): Promise<World> {
  const world = await createWorld();
  await startRelay(world, options);
  return world;
}

/** A store that outlives the messenger that it is given to. */
function sharedStore() {
  return { ...memoryStore(), close: async () => {} };
}
