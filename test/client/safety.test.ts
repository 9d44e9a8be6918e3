import { describe, expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import { carelessDirectory } from './careless-directory.js';
import { linkTo } from './linking.js';
import { exchangeCards, hrid, namesOnly } from './unlisted.js';
import { createWorld, next } from './world.js';

const between = async (one: Messenger, other: Messenger) => one.contacts.safetyNumber(other.address);

describe('a safety number', () => {
  test('is the same on every device of everybody, for two and for three', async () => {
    const world = await createWorld();
    const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
    const phone = await linkTo(world, bob);
    const number = await between(alice, bob);
    expect(number.digits).toMatch(/^(\d{5} ){11}\d{5}$/);
    for (const device of [bob, phone]) expect(await between(device, alice)).toEqual(number);
    expect(await between(alice, bob)).toEqual(number);
    expect(await between(alice, carol)).not.toEqual(number);

    const all = await alice.contacts.safetyNumber(['bob', 'carol']);
    expect(await bob.contacts.safetyNumber(['carol', 'alice', 'bob'])).toEqual(all);
    expect(await carol.contacts.safetyNumber(['bob', 'alice'])).toEqual(all);
    expect(all.digits).not.toBe(number.digits);
  });

  test('is that of the people of anonymous cards', async () => {
    const world = await createWorld();
    const directory = namesOnly(world);
    const join = (name: string) => world.join(hrid(name), { directory });
    const [alice, bob, carol] = [await join('a'), await join('b'), await join('c')];
    await exchangeCards(alice, bob, carol);
    const all = await alice.contacts.safetyNumber([bob.address, carol.address]);
    for (const [one, two] of [
      [bob, carol],
      [carol, bob],
    ] as const) {
      expect(await one.contacts.safetyNumber([two.address, alice.address])).toEqual(all);
    }
    expect(directory.asked).toEqual([]);
  });

  test('needs somebody else, and no more than 256 in all', async () => {
    const world = await createWorld();
    const alice = await world.join('alice');
    const wrong = { code: 'USAGE_INVALID_ARGUMENT' };
    await expect(alice.contacts.safetyNumber([])).rejects.toMatchObject(wrong);
    await expect(alice.contacts.safetyNumber('alice')).rejects.toMatchObject(wrong);
    const many = Array.from({ length: 256 }, (_, i) => `user${i}`);
    await expect(alice.contacts.safetyNumber(many)).rejects.toMatchObject(wrong);
    await expect(alice.contacts.safetyNumber('Bob')).rejects.toMatchObject({ code: 'USAGE_INVALID_ADDRESS' });
    await expect(alice.contacts.safetyNumber('nobody')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  });
});

describe('verifying', () => {
  test('takes what the other side shows, and nothing else', async () => {
    const world = await createWorld();
    const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
    const { code, digits } = await between(bob, alice);
    const differ = { code: 'VERIFY_SAFETY_NUMBER' };
    const others = await between(carol, alice);
    await expect(alice.contacts.verify('bob', others.digits)).rejects.toMatchObject(differ);
    await expect(alice.contacts.verify('bob', others.code)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    await expect(alice.contacts.verify('bob', '12345')).rejects.toMatchObject({ code: 'DECODE_SAFETY_NUMBER' });
    expect(alice.contacts.list()).toEqual([]);
    await alice.contacts.verify('bob', digits.replaceAll(' ', '\n'));
    expect(alice.contacts.get('bob')).toMatchObject({ verified: true, identity: bob.record.identity });
    await carol.contacts.verify('alice', (await between(alice, carol)).code);
    expect(carol.contacts.get('alice')?.verified).toBe(true);
    await alice.contacts.verify('bob', code);
    // A wrong one says nothing good of a contact, and takes nothing back either.
    await expect(alice.contacts.verify('bob', others.digits)).rejects.toMatchObject(differ);
    expect(alice.contacts.get('bob')?.verified).toBe(true);
  });

  test('of several marks each of them', async () => {
    const world = await createWorld();
    const [alice, bob] = [await world.join('alice'), await world.join('bob')];
    await world.join('carol');
    const { code } = await bob.contacts.safetyNumber(['alice', 'carol']);
    await alice.contacts.verify(['bob', 'carol'], code);
    expect(alice.contacts.list().map(({ address, verified }) => [address, verified])).toEqual([
      ['bob', true],
      ['carol', true],
    ]);
  });

  test('shows somebody in between: each side has another number', async () => {
    const world = await createWorld();
    const [hers, his] = [carelessDirectory(), carelessDirectory()];
    const [alice, bob] = [await world.join('alice', { directory: hers }), await world.join('bob', { directory: his })];
    await world.join('bob', { directory: hers });
    await world.join('alice', { directory: his });
    const { code, digits } = await between(bob, alice);
    for (const scanned of [code, digits]) {
      await expect(alice.contacts.verify('bob', scanned)).rejects.toMatchObject({ code: 'VERIFY_SAFETY_NUMBER' });
    }
    expect(alice.contacts.get('bob')).toBeUndefined();
  });

  test('ends with a new identity key, which is held, and can be compared before it is accepted', async () => {
    const world = await createWorld();
    const directory = carelessDirectory();
    const settings = { directory, keyCache: { cooldown: 0 } };
    const [alice, first] = [await world.join('alice', settings), await world.join('bob', settings)];
    const before = await between(first, alice);
    await alice.contacts.verify('bob', before.code);
    await first.close();
    const second = await world.join('bob', settings);
    const changed = next(alice, 'keyChanged');
    await second.send('alice', 'it is me');
    expect(await changed).toMatchObject({ held: true });
    const shown = await between(second, alice);
    expect(await between(alice, second)).toEqual(before);
    await expect(alice.contacts.verify('bob', shown.code)).rejects.toMatchObject({ code: 'VERIFY_SAFETY_NUMBER' });
    expect(await alice.contacts.safetyNumber('bob', { offered: true })).toEqual(shown);
    await alice.contacts.acceptKey('bob', second.record.identity);
    expect(alice.contacts.get('bob')?.verified).toBe(false);
    await alice.contacts.verify('bob', shown.digits);
    expect(alice.contacts.get('bob')?.verified).toBe(true);
  });
});
