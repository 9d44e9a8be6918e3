import { expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import type { Transport } from '../../src/ports/transport.js';
import { lasting, linkTo } from './linking.js';
import { lossy } from './lossy.js';
import { createWorld, next, take, until, type World } from './world.js';

/** Another device of an account, by its exported identity: it can do what the first can. */
async function secondDevice(world: World, first: Messenger, deviceName: string): Promise<Messenger> {
  const file = await first.exportIdentity('open sesame');
  return world.join(first.address, { identity: { file, passphrase: 'open sesame' }, deviceName });
}

const removal = (messenger: Messenger, { deviceId }: Messenger) =>
  next(messenger, 'devicesChanged', ({ removed }) => removed.some(({ id }) => id === deviceId));

const unreceipted = (messenger: Messenger, count: number) =>
  until(() => messenger.status().unreceipted === count || undefined);

for (const how of ['revoke', 'retire'] as const) {
  test(`a device that stayed away is not waited for once it is gone: ${how}`, async () => {
    const world = await createWorld();
    const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
    const phone = await secondDevice(world, laptop, 'phone');
    await phone.close();
    const sent = [await alice.send('bob', 'one'), await alice.send('bob', 'two')];
    await Promise.all(sent.map(({ delivered }) => delivered));
    expect(alice.status().unreceipted).toBe(2);
    await laptop.devices[how](phone.deviceId);
    await unreceipted(alice, 0);
    expect(sent.map(({ deliveredTo }) => deliveredTo)).toEqual([[laptop.deviceId], [laptop.deviceId]]);
    await (await alice.send('bob', 'three')).delivered;
    await unreceipted(alice, 0);
    expect((await take(laptop, 3)).map(({ text }) => text)).toEqual(['one', 'two', 'three']);
  });
}

test('where nobody is left that it was sealed to, the sender is told', async () => {
  const world = await createWorld();
  // She knows the laptop's keys, and asks for those of the phone at once.
  const alice = await world.join('alice', { keyCache: { cooldown: 0 } });
  const laptop = await world.join('bob');
  await (await alice.send('bob', 'seen')).delivered;
  const file = await laptop.exportIdentity('open sesame');
  await laptop.close();
  const sent = await alice.send('bob', 'to the laptop only');
  await sent.published;
  const phone = await world.join('bob', { identity: { file, passphrase: 'open sesame' } });
  // Else she is not known to the phone, which tells whom it knows.
  await (await phone.send('alice', 'hello')).delivered;
  const later = await alice.send('bob', 'to both');
  await phone.devices.revoke(laptop.deviceId);
  await expect(sent.delivered).rejects.toMatchObject({ code: 'DIRECTORY_NO_ACTIVE_DEVICE' });
  await unreceipted(alice, 0);
  await later.delivered;
  expect([sent.deliveredTo, later.deliveredTo]).toEqual([[], [phone.deviceId]]);
});

/** Alice, who hears that Bob's phone is gone while a message to it is on its way to the broker. */
async function removedMeanwhile(options: { republishAfter?: number } = {}) {
  const world = await createWorld();
  const inner = lossy(world, () => false);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const slow: Transport = {
    ...inner,
    async publish(topic, payload, how) {
      if (topic === 'nes/bob/message') await held;
      await inner.publish(topic, payload, how);
    },
  };
  const store = lasting();
  const alice = await world.join('alice', { broker: slow, store, timing: options });
  const laptop = await world.join('bob', { timing: { receiptDelay: 20 } });
  const phone = await secondDevice(world, laptop, 'phone');
  await phone.close();
  // Else she is not known to Bob, who tells whom he knows.
  await laptop.send('alice', 'hello');
  const sent = await alice.send('bob', 'to both');
  const told = removal(alice, phone);
  await laptop.devices.revoke(phone.deviceId);
  await told;
  letGo();
  await sent.delivered;
  return { world, alice, store };
}

test('what went out while the device was removed is settled at the next start', async () => {
  const { world, alice, store } = await removedMeanwhile();
  expect(alice.status().unreceipted).toBe(1);
  await alice.close();
  const again = await world.open('alice', { store });
  await unreceipted(again, 0);
});

test('what went out while the device was removed is settled when it would be reminded', async () => {
  const { alice } = await removedMeanwhile({ republishAfter: 50 });
  await unreceipted(alice, 0);
});

test('copies for a device of our own that was revoked are not kept', async () => {
  const world = await createWorld();
  const [laptop] = [await world.join('alice'), await world.join('bob')];
  const tablet = await linkTo(world, laptop);
  await tablet.close();
  await (await laptop.send('bob', 'with a copy')).delivered;
  expect(laptop.status().unreceipted).toBe(1);
  await laptop.devices.revoke(tablet.deviceId);
  await unreceipted(laptop, 0);
});
