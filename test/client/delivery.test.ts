import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Message } from '../../src/client/message.js';
import { Messenger } from '../../src/client/messenger.js';
import { closing, createWorld, next, take, until } from './world.js';

test('text, bytes and JSON arrive as what they are', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await alice.send('bob', 'grüß dich');
  await alice.send('bob', Uint8Array.of(0, 255, 1));
  await alice.send('bob', { temperature: 21.5 }, { channel: 'telemetry/temperature', expiresIn: 60 });
  const [text, bytes, json] = await take(bob, 3);
  expect(text).toMatchObject({ text: 'grüß dich', contentType: 'text/plain;charset=utf-8', seq: 1 });
  expect(bytes).toMatchObject({ bytes: Uint8Array.of(0, 255, 1), contentType: 'application/octet-stream', seq: 2 });
  expect(json?.json()).toEqual({ temperature: 21.5 });
  expect(json).toMatchObject({ contentType: 'application/json', channel: 'telemetry/temperature', seq: 3 });
  expect(json?.expiresAt?.getTime()).toBe((json?.sentAt.getTime() ?? 0) + 60_000);
});

test('what is neither text nor bytes nor JSON is refused before anything happens', async () => {
  const world = await createWorld();
  const [alice] = [await world.join('alice'), await world.join('bob')];
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const payload of [undefined, () => {}, 10n, new ArrayBuffer(4), new Uint16Array(2), circular]) {
    await expect(alice.send('bob', payload as never)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  }
  expect((await alice.send('bob', null)).seq).toBe(1);
});

test('what was sent while the receiver was away waits at the broker, in order', async () => {
  const world = await createWorld();
  const store = memoryStore();
  const persistent = { ...store, close: async () => {} };
  const bob = await world.join('bob', { store: persistent });
  await bob.close();
  const alice = await world.join('alice');
  const sent = [];
  for (let i = 0; i < 50; i++) sent.push(await alice.send('bob', `message ${i}`));
  await Promise.all(sent.map(({ published }) => published));
  const again = await world.open('bob', { store: persistent });
  expect((await take(again, 50)).map(({ text }) => text)).toEqual(Array.from({ length: 50 }, (_, i) => `message ${i}`));
});

test('a replayed message is dropped as a duplicate, also after a restart', async () => {
  const world = await createWorld();
  const store = { ...memoryStore(), close: async () => {} };
  const [alice, bob] = [await world.join('alice'), await world.join('bob', { store })];
  const { bytes } = await world.overhear('nes/bob/message');
  await alice.send('bob', 'once');
  await take(bob, 1);
  const carol = await world.client();
  const first = next(bob, 'rejected');
  await carol.publishAsync('nes/bob/message', Buffer.from(await bytes), { qos: 1 });
  expect(await first).toEqual({ reason: 'duplicate', from: 'alice' });
  await bob.close();
  const restarted = await world.open('bob', { store });
  const second = next(restarted, 'rejected');
  await carol.publishAsync('nes/bob/message', Buffer.from(await bytes), { qos: 1 });
  expect(await second).toEqual({ reason: 'duplicate', from: 'alice' });
});

test('breaking out of the loop leaves the message for the next consumer', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await alice.send('bob', 'one');
  await alice.send('bob', 'two');
  for await (const message of bob.messages()) {
    expect(message.text).toBe('one');
    break;
  }
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['one', 'two']);
});

test('one consumer at a time', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const stop = bob.on('message', () => {});
  expect(() => bob.messages()).toThrow(expect.objectContaining({ code: 'USAGE_CONSUMER_EXISTS' }));
  stop();
  expect(() => bob.messages()).not.toThrow();
});

test('a handler that throws gets the message again, and after fifteen times it is set aside; others go on meanwhile', async () => {
  const world = await createWorld();
  const timing = { handleAgainAfter: 1 };
  const [alice, bob, carol] = [
    await world.join('alice'),
    await world.join('bob', { timing }),
    await world.join('carol'),
  ];
  const handled: string[] = [];
  bob.on('message', (message: Message) => {
    handled.push(message.text);
    if (message.text === 'poison') throw new TypeError('cannot digest this');
  });
  const rejected = next(bob, 'rejected');
  await alice.send('bob', 'poison');
  await until(() => handled.length > 2 || undefined);
  await alice.send('bob', 'bread');
  await carol.send('bob', 'wine');
  expect(await rejected).toMatchObject({
    reason: 'handler-failed',
    from: 'alice',
    error: { code: 'USAGE_HANDLER_FAILED' },
  });
  await until(() => handled.includes('bread') || undefined);
  const wine = handled.indexOf('wine');
  expect(wine).toBeGreaterThan(0);
  expect(handled.filter((text) => text !== 'wine')).toEqual([...Array(15).fill('poison'), 'bread']);
  expect(bob.status().failed).toBe(1);
});

test('how often a handler threw on a message is remembered over a restart', async () => {
  const world = await createWorld();
  const store = { ...memoryStore(), close: async () => {} };
  const alice = await world.join('alice');
  const fail = () => Promise.reject(new TypeError('cannot digest this'));
  const bob = await world.join('bob', { store, timing: { handleAgainAfter: 600_000 } });
  bob.on('message', fail);
  const first = next(bob, 'warning', ({ code }) => code === 'USAGE_HANDLER_FAILED');
  await alice.send('bob', 'poison');
  expect((await first).message).toContain('(1 of 15)');
  await bob.close();
  const again = await world.open('bob', { store });
  const second = next(again, 'warning', ({ code }) => code === 'USAGE_HANDLER_FAILED');
  again.on('message', fail);
  expect((await second).message).toContain('(2 of 15)');
});

test('what was set aside can be read, retried and dropped, also after a restart', async () => {
  const world = await createWorld();
  const store = { ...memoryStore(), close: async () => {} };
  const timing = { handleAgainAfter: 1 };
  const alice = await world.join('alice');
  const bob = await world.join('bob', { store, timing });
  bob.on('message', () => Promise.reject(new Error('the database is away')));
  for (const text of ['one', 'two']) await alice.send('bob', text);
  await until(() => bob.status().failed === 2 || undefined);
  await bob.close();
  const again = await world.open('bob', { store, timing });
  const [one, two] = await again.failed.list();
  expect([one?.text, two?.text]).toEqual(['one', 'two']);
  await again.failed.retry(two?.id as string);
  expect((await take(again, 1)).map(({ text, id }) => [text, id])).toEqual([['two', two?.id]]);
  await again.failed.drop(one?.id as string);
  expect(await again.failed.list()).toEqual([]);
  await expect(again.failed.retry(one?.id as string)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
});

test('an application goes on using its own MQTT client', async () => {
  const world = await createWorld();
  const own = mqtt.connect(world.brokerUrl, { manualConnect: true, clean: false, clientId: 'gateway-7' });
  const heard: string[] = [];
  own.on('message', (topic) => heard.push(topic));
  const bob = await world.join('bob', { broker: own });
  await own.subscribeAsync('plant/+/temperature');
  const alice = await world.join('alice');
  await alice.send('bob', 'sealed');
  await (await world.client()).publishAsync('plant/3/temperature', '21');
  expect((await take(bob, 1)).map(({ text }) => text)).toEqual(['sealed']);
  await until(() => heard.includes('plant/3/temperature') || undefined);
  await bob.close();
  expect(own.connected).toBe(true);
  await own.endAsync();
});

test('a connected client is refused', async () => {
  const world = await createWorld();
  const connected = await world.client();
  await expect(world.open('bob', { broker: connected })).rejects.toMatchObject({ code: 'USAGE_CLIENT_CONNECTED' });
});

test('a broker that is not there', async () => {
  const world = await createWorld();
  const unreachable = { broker: 'mqtt://127.0.0.1:1', connectTimeout: 300 };
  await expect(world.open('bob', unreachable)).rejects.toMatchObject({ code: expect.stringMatching(/^TRANSPORT_/) });
  const offline = await world.join('alice', { ...unreachable, connect: 'background' });
  await world.join('bob');
  const sent = await offline.send('bob', 'later');
  expect(offline.status()).toMatchObject({ outbox: 1 });
  const closed = sent.published.catch((error) => error.code);
  await offline.close();
  expect(await closed).toBe('USAGE_CLOSED');
});

test('the outbox refuses when it is full and the caller does not wait', async () => {
  const world = await createWorld();
  await world.join('bob');
  const alice = await world.join('alice', {
    broker: 'mqtt://127.0.0.1:1',
    connectTimeout: 300,
    connect: 'background',
    limits: { outbox: { entries: 2, bytes: 1 << 20 } },
  });
  await alice.send('bob', '1');
  await alice.send('bob', '2');
  await expect(alice.send('bob', '3', { whenFull: 'refuse' })).rejects.toMatchObject({ code: 'STATE_FULL' });
  const waiting = alice.send('bob', '3').catch((error) => error.code);
  await alice.close();
  expect(await waiting).toBe('USAGE_CLOSED');
});

test('a full inbox stops the flow from the broker, and nothing is lost', async () => {
  const world = await createWorld();
  const [alice, bob] = [
    await world.join('alice'),
    await world.join('bob', { limits: { inbox: { entries: 10, bytes: 1 << 20 } } }),
  ];
  const paused = next(bob, 'connection', ({ state }) => state === 'disconnected');
  for (let i = 0; i < 100; i++) await alice.send('bob', String(i));
  expect((await paused).cause).toBe('paused');
  expect(bob.status().inbox + bob.status().opened).toBeLessThanOrEqual(20);
  expect((await take(bob, 100)).map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
});

test('close is idempotent, and nothing goes after it', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  await Promise.all([bob.close(), bob.close()]);
  await expect(bob.send('alice', 'x')).rejects.toMatchObject({ code: 'USAGE_CLOSED' });
  expect(() => bob.messages()).toThrow(expect.objectContaining({ code: 'USAGE_CLOSED' }));
});

test('several messengers in one process, a store for each', async () => {
  const world = await createWorld();
  const names = Array.from({ length: 8 }, (_, i) => `user-${i}`);
  const all = await Promise.all(names.map((name) => world.join(name)));
  await Promise.all(all.flatMap((from) => names.filter((to) => to !== from.address).map((to) => from.send(to, 'hi'))));
  for (const messenger of all) {
    const senders = (await take(messenger, 7)).map(({ from }) => from);
    expect(senders.sort()).toEqual(names.filter((name) => name !== messenger.address));
  }
});

test('a store of ones own needs a data key unless it is volatile', async () => {
  const world = await createWorld();
  const { volatile: _, ...store } = memoryStore();
  const base = { address: 'bob', broker: world.brokerUrl, directory: world.directory.url };
  await expect(Messenger.open({ ...base, store })).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  const bob = await Messenger.open({ ...base, store, dataKey: new Uint8Array(32).fill(7) });
  closing(() => bob.close());
});
