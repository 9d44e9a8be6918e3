import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { offlineTransport } from '../../src/cli/offline-transport.js';
import type { Messenger } from '../../src/client/messenger.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { closing, createWorld, next, take, type World } from './world.js';

/** Another device of an account, by its exported identity: it can do what the first can. */
async function secondDevice(world: World, first: Messenger, deviceName: string): Promise<Messenger> {
  const file = await first.exportIdentity('open sesame');
  return world.join(first.address, { identity: { file, passphrase: 'open sesame' }, deviceName });
}

/** The change of `address` that `messenger` is told of. */
const heard = (messenger: Messenger, address: string) =>
  next(messenger, 'devicesChanged', (change) => change.address === address);

test('a revoked device opens nothing that is sent after it; its siblings are told as well', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob', { deviceName: 'laptop' })];
  const phone = await secondDevice(world, laptop, 'phone');
  await alice.send('bob', 'to both');
  await take(phone, 1);
  await take(laptop, 1);
  const told = [heard(alice, 'bob'), heard(phone, 'bob')];
  await laptop.devices.revoke(phone.deviceId);
  expect(await told[0]).toMatchObject({ added: [], removed: [{ id: phone.deviceId }] });
  const dropped = next(phone, 'rejected');
  await alice.send('bob', 'to the laptop only');
  expect(await dropped).toEqual({ reason: 'not-for-me' });
  expect((await take(laptop, 1))[0]?.text).toBe('to the laptop only');
});

test('who was away when a device was revoked learns it on connecting; an announcement survives a restart', async () => {
  const world = await createWorld();
  const store = { ...memoryStore(), close: async () => {} };
  const lasting = { ...memoryStore(), close: async () => {} };
  const alice = await world.join('alice', { store });
  const laptop = await world.join('bob', { store: lasting });
  const phone = await secondDevice(world, laptop, 'phone');
  await alice.send('bob', 'to both');
  await take(phone, 1);
  await take(laptop, 1);
  await alice.close();
  await laptop.close();

  // Revoked where there is no broker: the notice waits for one.
  const offline = await world.open('bob', { store: lasting, broker: offlineTransport() });
  await offline.devices.revoke(phone.deviceId);
  await offline.close();
  const again = await world.open('alice', { store });
  const told = heard(again, 'bob');
  await world.open('bob', { store: lasting });
  expect(await told).toMatchObject({ removed: [{ id: phone.deviceId }] });
});

test('who was cut off asks the directory before sealing again: the notice of a revocation may be lost', async () => {
  const world = await createWorld();
  const lasting = { ...memoryStore(), close: async () => {} };
  const alice = await world.join('alice');
  const laptop = await world.join('bob', { store: lasting });
  const phone = await secondDevice(world, laptop, 'phone');
  await alice.send('bob', 'to both');
  await take(phone, 1);
  await laptop.close();
  const offline = await world.open('bob', { store: lasting, broker: offlineTransport() });
  await offline.devices.revoke(phone.deviceId);

  const back = [alice, phone].map((one) => next(one, 'connection', ({ state }) => state === 'connected'));
  await world.broker.close();
  const broker = await createBroker({ mqtt: Number(new URL(world.brokerUrl).port) });
  closing(() => broker.close());
  await Promise.all(back);
  // What was not receipted comes again, as a duplicate.
  const dropped = next(phone, 'rejected', ({ reason }) => reason !== 'duplicate');
  await alice.send('bob', 'not to the phone');
  expect(await dropped).toEqual({ reason: 'not-for-me' });
});
