import { expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Transport } from '../../src/ports/transport.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { activeSealKeys } from '../../src/protocol/identity/index.js';
import { carelessDirectory } from './careless-directory.js';
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

test('while the directory takes long over a stranger, what comes behind is kept and acknowledged', async () => {
  const world = await createWorld();
  const directory = carelessDirectory();
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const slow: typeof directory = {
    ...directory,
    async lookup(...what) {
      if (what[0] === 'carol') {
        asked();
        await answered;
      }
      return directory.lookup(...what);
    },
  };
  const inner = mqttTransport({ broker: world.brokerUrl, clientId: 'acknowledging' });
  let acknowledged = 0;
  const broker: Transport = {
    ...inner,
    open: (filters, handlers) =>
      inner.open(filters, {
        ...handlers,
        async message(topic, payload) {
          await handlers.message(topic, payload);
          // The PUBACK goes out when this has resolved.
          if (topic === 'nes/bob/message') acknowledged++;
        },
      }),
  };
  const [alice, carol] = [await world.join('alice', { directory }), await world.join('carol', { directory })];
  const bob = await world.join('bob', { directory: slow, broker });
  await (await alice.send('bob', 'known')).delivered;
  await until(() => acknowledged === 1 || undefined);
  await carol.send('bob', 'from a stranger');
  await isAsked;
  await alice.send('bob', 'behind it');
  await alice.send('bob', 'and once more');
  await until(() => acknowledged === 4 || undefined);
  expect(bob.status()).toMatchObject({ inbox: 3, opened: 1 });
  answer();
  const texts = (await take(bob, 4)).map(({ text }) => text);
  expect(texts).toEqual(['known', 'from a stranger', 'behind it', 'and once more']);
});
