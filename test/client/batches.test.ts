import { expect, test } from 'vitest';
import type { Message } from '../../src/client/message.js';
import { BATCH_TYPE, encodeBatch } from '../../src/protocol/envelope/batch.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { carelessDirectory } from './careless-directory.js';
import { claims, liar, provider, publish } from './liar.js';
import { lasting, linkTo } from './linking.js';
import { lossy } from './lossy.js';
import { tap } from './tapped.js';
import { createWorld, next, take, until } from './world.js';

const TO_BOB = 'nes/bob/message';
const texts = (count: number) => Array.from({ length: count }, (_, i) => String(i));

test('what is sent in one turn travels as one message, and is handed over one by one, in order', async () => {
  const world = await createWorld();
  const tapped = tap(world);
  const [alice, bob] = [await world.join('alice', { broker: tapped.transport() }), await world.join('bob')];
  const taken = take(bob, 4);
  const question = await alice.send('bob', 'alone');
  const sent = await Promise.all([
    alice.send('bob', { celsius: 21.5 }, { channel: 'telemetry' }),
    alice.send('bob', 'yes', { inReplyTo: question.id }),
    alice.send('bob', Uint8Array.of(1, 2, 3), { contentType: 'image/png' }),
  ]);
  const [alone, reading, answer, picture] = await taken;
  expect(alone).toMatchObject({ text: 'alone', seq: 1 });
  expect(reading).toMatchObject({ contentType: 'application/json', channel: 'telemetry', inReplyTo: undefined });
  expect(reading?.json()).toEqual({ celsius: 21.5 });
  expect(answer).toMatchObject({ text: 'yes', channel: undefined, inReplyTo: question.id });
  expect(picture).toMatchObject({ contentType: 'image/png', bytes: Uint8Array.of(1, 2, 3) });
  // Each has its own id, and the number of what they travelled in.
  expect([reading, answer, picture].map((message) => [message?.id, message?.seq])).toEqual(
    sent.map(({ id }) => [id, 2]),
  );
  expect(new Set(sent.map(({ id }) => id)).size).toBe(3);
  await Promise.all(sent.map(({ delivered }) => delivered));
  expect(sent.map(({ seq, deliveredTo }) => [seq, deliveredTo])).toEqual(sent.map(() => [2, [bob.deviceId]]));
  expect(tapped.to(TO_BOB)).toHaveLength(2);
});

test('what is sent on other terms travels apart, and what is too large alone; all in the order of the calls', async () => {
  const world = await createWorld();
  const tapped = tap(world);
  const [alice, bob] = [await world.join('alice', { broker: tapped.transport() }), await world.join('bob')];
  const large = new Uint8Array(110_000).fill(65);
  const taken = take(bob, 8);
  const sent = await Promise.all([
    ...[alice.send('bob', 'a'), alice.send('bob', 'b')],
    ...[alice.send('bob', 'c', { expiresIn: 60 }), alice.send('bob', 'd', { expiresIn: 60 })],
    alice.send('bob', 'e', { receipt: false }),
    alice.send('bob', large),
    ...[alice.send('bob', 'f'), alice.send('bob', 'g')],
  ]);
  expect(sent.map(({ seq }) => seq)).toEqual([1, 1, 2, 2, 3, 4, 5, 5]);
  const messages = await taken;
  expect(messages.map(({ bytes, text }) => (bytes.length > 1 ? 'large' : text))).toEqual([
    ...['a', 'b', 'c', 'd', 'e', 'large', 'f', 'g'],
  ]);
  expect(messages.map(({ expiresAt }) => expiresAt !== undefined)).toEqual(
    [0, 0, 1, 1, 0, 0, 0, 0].map((one) => one === 1),
  );
  expect(tapped.to(TO_BOB)).toHaveLength(5);
});

test('a batch is no larger than a message may be, and has 256 messages at most', async () => {
  const world = await createWorld();
  const tapped = tap(world);
  const alice = await world.join('alice', { broker: tapped.transport(), maxPayloadBytes: 2000 });
  const bob = await world.join('bob');
  const taken = take(bob, 310);
  const payload = new Uint8Array(500);
  await Promise.all(texts(10).map(() => alice.send('bob', payload)));
  expect(tapped.to(TO_BOB).length).toBeGreaterThanOrEqual(4);
  const carol = await world.join('carol');
  const sent = await Promise.all(texts(300).map((text) => carol.send('bob', text)));
  expect(sent.map(({ seq }) => seq)).toEqual(texts(300).map((_, i) => (i < 256 ? 1 : 2)));
  const messages = await taken;
  expect(messages.slice(10).map(({ text }) => text)).toEqual(texts(300));
});

test('what is wrong with one message is its own fault', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { maxPayloadBytes: 1000 }), await world.join('bob')];
  const taken = take(bob, 2);
  const settled = await Promise.allSettled([
    alice.send('bob', 'first'),
    alice.send('bob', 'channel', { channel: 'x'.repeat(257) }),
    alice.send('bob', 'type', { contentType: BATCH_TYPE }),
    alice.send('bob', new Uint8Array(1001)),
    alice.send('bob', 'last'),
  ]);
  expect(settled.map((one) => (one.status === 'fulfilled' ? one.value.seq : one.reason.code))).toEqual([
    ...[1, 'USAGE_INVALID_ARGUMENT', 'USAGE_INVALID_ARGUMENT', 'USAGE_PAYLOAD_TOO_LARGE', 2],
  ]);
  expect((await taken).map(({ text }) => text)).toEqual(['first', 'last']);
});

test('what waits for a receiver who cannot be found fails together, and what comes later does not', async () => {
  const world = await createWorld();
  const directory = carelessDirectory();
  const alice = await world.join('alice', { directory });
  const failed = await Promise.allSettled(texts(3).map((text) => alice.send('bob', text)));
  expect(failed.map((one) => one.status === 'rejected' && one.reason.code)).toEqual(
    failed.map(() => 'DIRECTORY_NOT_FOUND'),
  );
  const bob = await world.join('bob', { directory });
  const taken = take(bob, 3);
  await until(() => alice.send('bob', 'found').catch(() => undefined));
  await Promise.all(texts(2).map((text) => alice.send('bob', text)));
  expect((await taken).map(({ text, seq }) => [text, seq])).toEqual([
    ...[['found', 1], ...texts(2).map((text) => [text, 2])],
  ]);
});

test('a batch that was lost on its way is sent again, and each of its messages handed over once', async () => {
  const world = await createWorld();
  const broker = lossy(world, (topic, count) => topic === TO_BOB && count === 1);
  const [alice, bob] = [await world.join('alice', { broker }), await world.join('bob')];
  const missing = next(bob, 'missing');
  const heard: string[] = [];
  bob.on('message', ({ text }) => void heard.push(text));
  await alice.send('bob', 'before');
  // The first is numbered 1 and lost; it shows when the next comes.
  const sent = await Promise.all(texts(5).map((text) => alice.send('bob', text)));
  await alice.send('bob', 'behind');
  await Promise.race([missing, Promise.all(sent.map(({ delivered }) => delivered))]);
  await until(() => (heard.length >= 7 ? true : undefined));
  await until(() => (alice.status().unreceipted === 0 ? true : undefined));
  expect(heard.sort()).toEqual(['0', '1', '2', '3', '4', 'before', 'behind']);
});

test('our other devices get copies of a batch, and answers in one find who asked', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  const phone = await linkTo(world, laptop);
  const copies = take(phone, 3);
  await Promise.all(texts(3).map((text) => laptop.send('alice', text)));
  expect((await copies).map(({ text, copy, to }) => [text, copy, to])).toEqual(texts(3).map((t) => [t, true, 'alice']));
  alice.respond(({ text }) => `answer to ${text}`);
  const ask = (text: string) => laptop.request('alice', text, { timeout: 10_000, expiresIn: 10 });
  const answers = await Promise.all(['x', 'y', 'z'].map(ask));
  expect(answers.map(({ text }) => text)).toEqual(['x', 'y', 'z'].map((text) => `answer to ${text}`));
});

test('of several answers in one batch the first is the answer, and the application has the others', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  alice.on('message', async ({ id }) => {
    await Promise.all(['one', 'two', 'three'].map((text) => alice.send('bob', text, { inReplyTo: id })));
  });
  const taken = take(bob, 2);
  const answer = await bob.request('alice', 'what?');
  expect(answer.text).toBe('one');
  // Whoever keeps or changes it has nothing of the others.
  expect(answer.bytes.buffer.byteLength).toBe(answer.bytes.length);
  expect((await taken).map(({ text }) => text)).toEqual(['two', 'three']);
});

test('nothing more is opened while the opened messages fill their queue, however many are in one', async () => {
  const world = await createWorld();
  const inbox = { entries: 20, bytes: 1 << 20 };
  const store = lasting();
  const [alice, bob] = [await world.join('alice'), await world.join('bob', { store, limits: { inbox } })];
  const send = (n: number) => Promise.all(texts(15).map((text) => alice.send('bob', `${n} ${text}`)));
  for (let n = 0; n < 10; n++) await send(n);
  await until(() => (bob.status().inbox + bob.status().opened >= 31 ? true : undefined));
  expect(bob.status().opened).toBe(30);
  const heard = await take(bob, 150);
  expect(heard.map(({ text }) => text)).toEqual(texts(10).flatMap((n) => texts(15).map((text) => `${n} ${text}`)));
});

test('a handler that is through with some of a batch is not given these again after a restart', async () => {
  const world = await createWorld();
  const store = lasting();
  const [alice, bob] = [await world.join('alice'), await world.join('bob', { store })];
  const first: string[] = [];
  const stopped = new Promise<void>((resolve) => {
    bob.on('message', ({ text }) => {
      first.push(text);
      if (text !== '2') return;
      resolve();
      throw new Error('not this one');
    });
  });
  await Promise.all(texts(5).map((text) => alice.send('bob', text)));
  await stopped;
  await bob.close();
  expect(first).toEqual(['0', '1', '2']);
  const again = await world.open('bob', { store });
  expect((await take(again, 3)).map(({ text }) => text)).toEqual(['2', '3', '4']);
});

test('a batch that is none is reported, and what comes behind it is not held up', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const mallory = await liar(world, 'mallory');
  const keys = {
    signKey: mallory.device.signKey,
    recipients: bob.record.devices.map(({ sealKey }) => sealKey),
  };
  const sealed = (seq: number, payload: Uint8Array) =>
    seal(provider, { ...claims('mallory', 'bob'), payload, contentType: BATCH_TYPE, seq }, keys);
  const rejected = next(bob, 'rejected');
  const heard: Message[] = [];
  bob.on('message', (message) => void heard.push(message));
  await publish(world, TO_BOB, await sealed(1, Uint8Array.of(0x80)));
  expect(await rejected).toMatchObject({ reason: 'malformed', from: 'mallory', error: { code: 'DECODE_CLAIMS' } });
  const message = (id: number) => ({ id: new Uint8Array(16).fill(id), payload: Uint8Array.of(48 + id) });
  await publish(world, TO_BOB, await sealed(2, encodeBatch([message(1), message(2)])));
  await until(() => (heard.length === 2 ? true : undefined));
  expect(heard.map(({ text, seq, contentType }) => [text, seq, contentType])).toEqual([
    ['1', 2, undefined],
    ['2', 2, undefined],
  ]);
});
