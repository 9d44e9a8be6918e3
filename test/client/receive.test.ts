import { expect, test } from 'vitest';
import { seal } from '../../src/protocol/envelope/seal.js';
import { activeSealKeys } from '../../src/protocol/identity/index.js';
import { claims, liar, now, provider, publish } from './liar.js';
import { createWorld, next, take, until } from './world.js';

test('a message to several receivers bears a number for each of them', async () => {
  const world = await createWorld();
  const [bob, carol] = [await world.join('bob'), await world.join('carol')];
  const alice = await liar(world, 'alice');
  const recipients = [...activeSealKeys(bob.record, now()), ...activeSealKeys(carol.record, now())];
  const keys = { signKey: alice.device.signKey, recipients };
  // Bob lacks his number 2, Carol lacks nothing.
  const missing = next(bob, 'missing');
  const missed: unknown[] = [];
  carol.on('missing', (event) => missed.push(event));
  for (const seq of [
    [1, 7],
    [3, 8],
  ]) {
    const sealed = await seal(provider, { ...claims('alice', 'bob'), audience: ['bob', 'carol'], seq }, keys);
    for (const to of ['bob', 'carol']) await publish(world, `nes/${to}/message`, sealed);
  }
  expect((await take(carol, 2)).map(({ seq }) => seq)).toEqual([7, 8]);
  expect((await take(bob, 2)).map(({ seq }) => seq)).toEqual([1, 3]);
  expect(await missing).toMatchObject({ from: 'alice', range: [2, 2] });
  expect(missed).toEqual([]);
});

test('a message that comes after its time has come: nobody asks for it again', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const alice = await liar(world, 'alice');
  const keys = { signKey: alice.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const events: unknown[] = [];
  bob.on('missing', (event) => events.push(event));
  bob.on('rejected', (event) => events.push(event));
  for (const [seq, expiresAt] of [
    [1, now() + 60],
    [2, now() - 1],
    [3, now() + 60],
  ]) {
    await publish(
      world,
      'nes/bob/message',
      await seal(provider, { ...claims('alice', 'bob'), seq: seq as number, expiresAt: expiresAt as number }, keys),
    );
  }
  expect((await take(bob, 2)).map(({ seq }) => seq)).toEqual([1, 3]);
  expect(events).toEqual([{ reason: 'expired', from: 'alice' }]);
  await until(() => bob.status().inbox === 0 || undefined);
});
