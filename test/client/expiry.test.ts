import { expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { SealMQError } from '../../src/errors.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { provider } from './liar.js';
import { lossy } from './lossy.js';
import { createWorld, next, take, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const expired = { code: 'STATE_EXPIRED' };

test('what expires while there is no broker is not sent, and its sender is told in time', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice', { timing }), await world.join('bob', { timing })];
  await (await alice.send('bob', 'before')).delivered;
  await world.broker.close();
  await until(() => alice.status().connection !== 'connected' || undefined);
  const sent = await alice.send('bob', 'too late', { expiresIn: 1 });
  await expect(sent.published).rejects.toMatchObject(expired);
  await expect(sent.delivered).rejects.toMatchObject(expired);
  expect(alice.status().outbox).toBe(0);
  await take(bob, 1);
});

test('a lost message that has expired is not sent again; its receiver is told without asking', async () => {
  const world = await createWorld();
  const patient = { ...timing, gapDelay: 600_000 };
  const bob = await world.join('bob', { timing: patient });
  const broker = lossy(world, (topic, count) => topic === 'nes/bob/message' && count >= 2 && count !== 3);
  const alice = await world.join('alice', { timing: { ...timing, republishAfter: 500 }, broker });
  await (await alice.send('bob', 'one')).delivered;
  const lost = next(bob, 'lost');
  const two = await alice.send('bob', 'two', { expiresIn: 1 });
  await two.published;
  await alice.send('bob', 'three');
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['one', 'three']);
  expect(await lost).toMatchObject({ from: 'alice', range: [2, 2], reason: 'expired' });
  await expect(two.delivered).rejects.toMatchObject(expired);
  await until(() => alice.status().unreceipted === 0 || undefined);
});

test('what expired while it waited for the application is not handed over', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const { published } = await alice.send('bob', 'short', { expiresIn: 1 });
  await published;
  await until(() => bob.status().opened === 1 || undefined);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const rejected = next(bob, 'rejected');
  await alice.send('bob', 'lasting');
  expect((await take(bob, 1))[0]?.text).toBe('lasting');
  expect(await rejected).toEqual({ reason: 'expired', from: 'alice' });
});

test('what expired in the quarantine is not handed over', async () => {
  const world = await createWorld();
  const shared = await staticDirectory({ provider });
  let away = false;
  const flaky: KeyDirectory = {
    ...shared,
    lookup: (address, hash) => {
      if (away) throw new SealMQError('DIRECTORY_UNREACHABLE', 'away');
      return shared.lookup(address, hash);
    },
  };
  const settings = { directory: flaky, quarantine: { retryAfter: 20 }, keyCache: { cooldown: 10 } };
  const bob = await world.join('bob', settings);
  const alice = await world.join('alice', { directory: shared });
  away = true;
  await alice.send('bob', 'short', { expiresIn: 1 });
  await alice.send('bob', 'lasting');
  await until(() => bob.status().quarantine === 2 || undefined);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const rejected = next(bob, 'rejected');
  away = false;
  expect((await take(bob, 1))[0]?.text).toBe('lasting');
  expect(await rejected).toEqual({ reason: 'expired', from: 'alice' });
});
