import { expect, test } from 'vitest';
import { carelessDirectory } from './careless-directory.js';
import { lasting, linkTo, showLink } from './linking.js';
import { hrid, namesOnly } from './unlisted.js';
import { createWorld, next, take } from './world.js';

test('a linked device has the contacts: pins, verified marks, blocks and names, over a restart too', async () => {
  const world = await createWorld();
  const [laptop, bob] = [await world.join('alice'), await world.join('bob')];
  for (const name of ['carol', 'mallory']) await world.join(name);
  await laptop.contacts.add((await bob.contactCard()).link, { name: 'Bob', verified: true });
  await laptop.contacts.add('carol');
  await laptop.contacts.block('mallory');

  const overheard: Uint8Array[] = [];
  const listener = await world.client();
  listener.on('message', (_topic, payload) => overheard.push(new Uint8Array(payload)));
  await listener.subscribeAsync('#');
  const store = lasting();
  const phone = await linkTo(world, laptop, { store });
  expect(phone.contacts.list()).toEqual(laptop.contacts.list());
  expect(phone.contacts.get('bob')).toMatchObject({ name: 'Bob', verified: true, byCard: true });
  expect(await phone.contacts.safetyNumber('bob')).toEqual(await bob.contacts.safetyNumber('alice'));
  // Not for the broker's eyes.
  for (const bytes of overheard) expect(Buffer.from(bytes).includes('mallory')).toBe(false);

  await phone.close();
  const again = await world.open('alice', { store });
  expect(again.contacts.list()).toEqual(laptop.contacts.list());
  await expect(again.send('mallory', 'no')).rejects.toMatchObject({ code: 'USAGE_CONTACT_BLOCKED' });
  await again.send('bob', 'from the phone');
  expect((await take(bob, 1))[0]?.text).toBe('from the phone');
});

test('a linked device holds the directory to the keys that it was given', async () => {
  const world = await createWorld();
  const directory = carelessDirectory();
  const settings = { directory, keyCache: { cooldown: 0 } };
  const [laptop, bob] = [await world.join('alice', settings), await world.join('bob', settings)];
  await laptop.contacts.add('bob');
  await laptop.contacts.markVerified('bob');
  await bob.close();
  // From now on the directory lies.
  await world.join('bob', settings);
  const phone = await linkTo(world, laptop, settings);
  const changed = next(phone, 'keyChanged');
  await expect(phone.send('bob', 'to whom?')).rejects.toMatchObject({ code: 'DIRECTORY_IDENTITY_HELD' });
  expect(await changed).toMatchObject({ held: true, previous: { identity: bob.record.identity } });
});

test('contacts stay where they are when that is wished', async () => {
  const world = await createWorld();
  const laptop = await world.join('alice');
  await world.join('bob');
  await laptop.contacts.add('bob');
  const linking = await showLink(world, 'alice');
  await (await laptop.devices.link(linking.link, { contacts: false })).confirm();
  expect((await linking.linked).contacts.list()).toEqual([]);
});

test('a device of an anonymous account is linked by its card, and reaches its contacts', async () => {
  const world = await createWorld();
  const directory = namesOnly(world);
  const join = (name: string) => world.join(hrid(name), { directory });
  const [laptop, bob] = [await join('alice'), await join('bob')];
  await laptop.contacts.add((await bob.contactCard()).link);
  await bob.contacts.add((await laptop.contactCard()).link);
  const { link: card } = await laptop.contactCard();
  await expect(showLink(world, laptop.address, { directory })).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  const others = { code: 'USAGE_INVALID_ARGUMENT' };
  await expect(showLink(world, bob.address, { directory, card })).rejects.toMatchObject(others);

  const told = next(bob, 'devicesChanged');
  const phone = await linkTo(world, laptop, { directory, card });
  expect(await told).toMatchObject({ added: [{ id: phone.deviceId }] });
  await phone.send(bob.address, 'from the phone');
  expect((await take(bob, 1))[0]?.text).toBe('from the phone');
  await bob.send(laptop.address, 'to both');
  expect((await take(phone, 1))[0]?.text).toBe('to both');
  expect((await take(laptop, 2)).map(({ text, copy }) => [text, copy])).toEqual([
    ['from the phone', true],
    ['to both', false],
  ]);
  expect(directory.asked).toEqual([]);
});
