import { expect, test } from 'vitest';
import { publishRefusal } from '../../src/adapters/mqtt/reasons.js';
import { createFairQueue } from '../../src/client/fair-queue.js';
import type { Transport, TransportHandlers } from '../../src/ports/transport.js';
import { lasting } from './linking.js';
import { lossy } from './lossy.js';
import { createWorld, next, take, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30 };

test('what is asked for while it is still on its way is not said to be gone', async () => {
  const world = await createWorld();
  const inner = lossy(world, () => false);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let count = 0;
  const slow: Transport = {
    ...inner,
    async publish(topic, payload, options) {
      if (topic === 'nes/bob/message' && ++count === 2) await held;
      await inner.publish(topic, payload, options);
    },
  };
  const alice = await world.join('alice', { broker: slow });
  const bob = await world.join('bob', { timing });
  let asked = 0;
  const listener = await world.client();
  listener.on('message', () => asked++);
  await (await alice.send('bob', 'one')).delivered;
  await listener.subscribeAsync('nes/alice/control');
  const delayed = await alice.send('bob', 'two');
  await (await alice.send('bob', 'three')).delivered;
  // Its receipt, and requests for what lies below it; the last may not be read yet.
  await until(() => asked > 3 || undefined);
  letGo();
  await delayed.delivered;
  expect((await take(bob, 3)).map(({ text }) => text)).toEqual(['one', 'three', 'two']);
});

test('while what one peer lacks goes out again, mail of others is opened', async () => {
  const world = await createWorld();
  const inner = lossy(world, (topic, count) => topic === 'nes/bob/message' && count > 1 && count < 10);
  let again = 0;
  let acknowledge = () => {};
  const acknowledged = new Promise<void>((resolve) => {
    acknowledge = resolve;
  });
  let first = 0;
  const slow: Transport = {
    ...inner,
    async publish(topic, payload, options) {
      if (topic === 'nes/bob/message' && ++first > 10) {
        again++;
        await acknowledged;
      }
      await inner.publish(topic, payload, options);
    },
  };
  const alice = await world.join('alice', { broker: slow });
  const [bob, carol] = [await world.join('bob', { timing }), await world.join('carol')];
  const taken = take(bob, 10);
  for (let i = 1; i <= 10; i++) await (await alice.send('bob', String(i))).published;
  await until(() => again > 0 || undefined);
  const heard = take(alice, 1);
  await carol.send('alice', 'hello');
  expect((await heard)[0]?.text).toBe('hello');
  acknowledge();
  expect((await taken).map(({ seq }) => seq).sort((a = 0, b = 0) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('when the broker has forgotten us, what others may have lost with it goes out at once', async () => {
  const world = await createWorld();
  const inner = lossy(world, (topic, count) => topic === 'nes/bob/message' && count === 1);
  let connection: TransportHandlers['connection'] = () => {};
  const broker: Transport = {
    ...inner,
    open(filters, handlers) {
      connection = handlers.connection;
      return inner.open(filters, handlers);
    },
  };
  const [alice, bob] = [await world.join('alice', { broker }), await world.join('bob')];
  await (await alice.send('bob', 'lost')).published;
  await until(() => alice.status().unreceipted === 1 || undefined);
  const taken = take(bob, 1);
  connection({ state: 'disconnected' });
  connection({ state: 'connected', sessionPresent: false });
  expect((await taken)[0]?.text).toBe('lost');
});

test('who comes back without the newest message, which the broker had a while ago, is sent it at once', async () => {
  const world = await createWorld();
  const broker = lossy(world, (topic, count) => topic === 'nes/bob/message' && count === 2);
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead };
  const store = lasting();
  const alice = await world.join('alice', { broker, clock });
  const bob = await world.join('bob', { store, timing });
  await (await alice.send('bob', 'seen')).delivered;
  await bob.close();
  await (await alice.send('bob', 'lost')).published;
  await until(() => alice.status().unreceipted === 1 || undefined);
  ahead = 10_000;
  const again = await world.open('bob', { store, timing });
  expect((await take(again, 2)).map(({ text }) => text)).toEqual(['seen', 'lost']);
});

test('what the broker does not take for now goes out again, with a warning', async () => {
  const world = await createWorld();
  const inner = lossy(world, () => false);
  let refusals = 0;
  const broker: Transport = {
    ...inner,
    async publish(topic, payload, options) {
      if (topic === 'nes/bob/message' && refusals++ < 3) throw publishRefusal(0x97);
      await inner.publish(topic, payload, options);
    },
  };
  const [alice, bob] = [await world.join('alice', { broker }), await world.join('bob')];
  const warned = next(alice, 'warning');
  const taken = take(bob, 3);
  const sent = [await alice.send('bob', '1'), await alice.send('bob', '2'), await alice.send('bob', '3')];
  expect((await warned).code).toBe('TRANSPORT_UNREACHABLE');
  expect(alice.status().outbox).toBe(3);
  await Promise.all(sent.map(({ published }) => published));
  expect((await taken).map(({ text }) => text)).toEqual(['1', '2', '3']);
});

test('which refusals of a message may pass, and which are for good', () => {
  for (const code of [0x80, 0x83, 0x97]) expect(publishRefusal(code).code).toBe('TRANSPORT_UNREACHABLE');
  for (const code of [0x87, 0x90, 0x95, 0x99]) expect(publishRefusal(code).code).toBe('TRANSPORT_REFUSED');
});

/** A queue whose work is done when the test says so. */
function steps(bounds: { window: number; perPeer: number }) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const failures: unknown[] = [];
  const queue = createFairQueue({ ...bounds, failed: (error) => failures.push(error) });
  const add = (peer: string, name: string) =>
    queue.add(peer, name, async () => {
      begun.push(name);
      return { done: new Promise<void>((resolve) => ends.push(resolve)) };
    });
  return { queue, begun, ends, failures, add };
}

test('peers take turns, and each keeps its order', async () => {
  const { begun, ends, add } = steps({ window: 1, perPeer: 10 });
  for (const name of ['a1', 'a2', 'a3']) add('a', name);
  for (const name of ['b1', 'b2']) add('b', name);
  while (begun.length < 5 || ends.length > 0) {
    await Promise.resolve();
    ends.shift()?.();
  }
  // The first two of a line were there before the other line was.
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3', 'b2']);
});

test('what one peer can make wait is bounded', async () => {
  const { queue, begun, ends, add } = steps({ window: 1, perPeer: 2 });
  for (const name of ['a1', 'a2', 'a3', 'a4']) add('a', name);
  add('b', 'b1');
  // The first has begun, and does not wait any more.
  const names = ['a1', 'a2', 'a3', 'a4'];
  expect(names.map((name) => queue.waits('a', name))).toEqual([false, true, true, false]);
  expect(queue.waits('b', 'b1')).toBe(true);
  queue.clear();
  ends.shift()?.();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(begun).toEqual(['a1']);
});

test('what fails is told, and does not stop the rest', async () => {
  const { queue, begun, ends, failures, add } = steps({ window: 1, perPeer: 10 });
  queue.add('a', 'bad', () => Promise.reject(new Error('no')));
  queue.add('a', 'worse', async () => ({ done: Promise.reject(new Error('not acknowledged')) }));
  add('b', 'b1');
  await until(() => begun.length > 0 || undefined);
  ends.shift()?.();
  await until(() => failures.length === 2 || undefined);
  expect(failures).toEqual([new Error('no'), new Error('not acknowledged')]);
});
