import { expect, test } from 'vitest';
import { seal } from '../../src/protocol/envelope/seal.js';
import { activeSealKeys } from '../../src/protocol/identity/index.js';
import { claims, liar, now, provider, publish } from './liar.js';
import { linkTo } from './linking.js';
import { createWorld, next, take, until } from './world.js';

test('what one device sends, the others of the account get as a copy that says to whom', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  const phone = await linkTo(world, laptop);
  const rejections: unknown[] = [];
  for (const messenger of [alice, laptop, phone]) messenger.on('rejected', (rejection) => rejections.push(rejection));

  const sent = await laptop.send('alice', { n: 1 }, { channel: 'numbers' });
  const [incoming] = await take(alice, 1);
  expect(incoming).toMatchObject({ from: 'bob', copy: false, to: undefined, id: sent.id });
  const [copy] = await take(phone, 1);
  expect(copy).toMatchObject({ from: 'bob', device: laptop.deviceId, copy: true, to: 'alice', channel: 'numbers' });
  expect(copy?.id).toBe(sent.id);
  expect(copy?.json()).toEqual({ n: 1 });

  // An answer to it reaches both, and names the same id.
  await alice.send('bob', 'yes', { inReplyTo: sent.id });
  for (const messenger of [laptop, phone]) {
    expect((await take(messenger, 1))[0]).toMatchObject({ from: 'alice', copy: false, inReplyTo: sent.id });
  }
  // Both the message and the copy are receipted; nothing of all that was reported as odd.
  await until(() => (laptop.status().unreceipted === 0 ? true : undefined));
  expect(rejections).toEqual([]);
});

test('no copy of a copy, of a note to oneself, or where none is wanted', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  const [phone, tablet] = [await linkTo(world, laptop), await linkTo(world, laptop, { copies: false })];
  await laptop.send('alice', 'without', { copy: false });
  await tablet.send('alice', 'never from here');
  await laptop.send('bob', 'a note');
  await laptop.send('alice', 'with');
  expect((await take(phone, 2)).map(({ text, copy, to }) => [text, copy, to])).toEqual([
    ['a note', false, undefined],
    ['with', true, 'alice'],
  ]);
  expect((await take(tablet, 2)).map(({ text }) => text)).toEqual(['a note', 'with']);
  expect((await take(laptop, 1))[0]).toMatchObject({ text: 'a note', copy: false });
  expect((await take(alice, 3)).map(({ text }) => text).sort()).toEqual(['never from here', 'with', 'without']);
});

test('a device that answers requests does not answer copies', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  const phone = await linkTo(world, laptop);
  const asked: string[] = [];
  phone.respond((message) => {
    asked.push(message.text);
    return 'answered';
  });
  await laptop.send('alice', 'not a request');
  await alice.send('bob', 'a request');
  expect((await take(alice, 2)).map(({ text }) => text)).toEqual(['not a request', 'answered']);
  expect(asked).toEqual(['a request']);
});

test('nobody else can pass a message off as a copy', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { quarantine: { retryAfter: 20, unknownKeys: 50 } });
  const mallory = await liar(world, 'mallory');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const forged = (from: string) => seal(provider, { ...claims(from, 'bob'), to: 'alice' }, keys);
  // Under her own name the claim means nothing.
  await publish(world, 'nes/bob/message', await forged('mallory'));
  expect((await take(bob, 1))[0]).toMatchObject({ from: 'mallory', copy: false, to: undefined });
  // Under Bob's it does not verify.
  const rejected = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', await forged('bob'));
  expect(await rejected).toMatchObject({ reason: 'unknown-key', from: 'bob' });
});
