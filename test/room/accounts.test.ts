import { expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import type { Room } from '../../src/client/room/room.js';
import { linkTo } from '../client/linking.js';
import { closing, createWorld, until } from '../client/world.js';

const timing = { heartbeat: 200, silentAfter: 2_000, goneAfter: 6_000 };

async function enter(who: Messenger, admit: readonly string[]): Promise<Room> {
  const room = await who.joinRoom('room-1', { admit, timing });
  closing(() => room.leave());
  return room;
}

/** Waits until these devices, and no others, have exchanged keys with us. */
async function complete(room: Room, ...devices: (string | undefined)[]): Promise<void> {
  const ready = () => room.members.filter((member) => member.ready).map(({ device }) => device);
  await until(() => ready().sort().join() === [...devices].sort().join() || undefined);
}

test('a device that its account revokes is out of the room', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const phone = await linkTo(world, bob, { deviceName: 'phone' });
  // Who has written to each other tells each other of new and revoked devices.
  for (const one of [alice, bob, phone]) one.on('message', () => {});
  await (await bob.send('alice', Uint8Array.of(1))).delivered;
  const [ofAlice, ofBob, ofPhone] = [
    await enter(alice, ['bob']),
    await enter(bob, ['alice', 'bob']),
    await enter(phone, ['alice', 'bob']),
  ];
  await complete(ofAlice, bob.deviceId, phone.deviceId);
  await complete(ofPhone, alice.deviceId, bob.deviceId);
  const left = new Promise((resolve) => ofAlice.on('left', resolve));
  const rekeyed = new Promise((resolve) =>
    ofAlice.on('rekeyed', ({ reason }) => reason === 'departure' && resolve(reason)),
  );
  await bob.devices.revoke(phone.deviceId);
  expect(await left).toEqual({ address: 'bob', device: phone.deviceId, reason: 'revoked' });
  await ofAlice.send(Uint8Array.of(2));
  await rekeyed;
  await complete(ofAlice, bob.deviceId);
  await complete(ofBob, alice.deviceId);
});

test('a block does not concern rooms: who is admitted is in, with keys', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await alice.contacts.add('bob');
  await alice.contacts.block('bob');
  const [ofAlice, ofBob] = [await enter(alice, ['bob']), await enter(bob, ['alice'])];
  await complete(ofAlice, bob.deviceId);
  await complete(ofBob, alice.deviceId);
});
