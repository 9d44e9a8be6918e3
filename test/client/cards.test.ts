import { describe, expect, test } from 'vitest';
import { equal } from '../../src/bytes/bytes.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { decodeEncrypt } from '../../src/cose/encrypt.js';
import { Header } from '../../src/cose/labels.js';
import { thumbprint } from '../../src/cose/thumbprint.js';
import { SealMQError } from '../../src/errors.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { isCurrent } from '../../src/protocol/identity/index.js';
import { carelessDirectory } from './careless-directory.js';
import { provider } from './liar.js';
import { lasting, linkTo } from './linking.js';
import { exchangeCards, hrid, namesOnly } from './unlisted.js';
import { createWorld, next, take, until, type World } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const link = async (messenger: Messenger) => (await messenger.contactCard()).link;
const texts = async (messenger: Messenger, count: number) => (await take(messenger, count)).map(({ text }) => text);

describe('people with anonymous addresses', () => {
  async function strangers(options: Partial<MessengerOptions> = {}) {
    const world = await createWorld();
    const directory = namesOnly(world);
    const join = (name: string, more: Partial<MessengerOptions> = {}) =>
      world.join(hrid(name), { directory, timing, ...options, ...more });
    return { world, directory, join };
  }

  test('reach one another by card alone, and no directory is ever asked for them', async () => {
    const { join, directory } = await strangers();
    const [alice, bob, carol] = [await join('alice'), await join('bob'), await join('carol')];
    await exchangeCards(alice, bob, carol);
    await (await alice.send(bob.address, 'to Bob')).delivered;
    await bob.send(alice.address, 'to Alice');
    await carol.send(alice.address, 'from Carol');
    expect(await texts(bob, 1)).toEqual(['to Bob']);
    expect((await texts(alice, 2)).sort()).toEqual(['from Carol', 'to Alice']);
    expect(directory.asked).toEqual([]);
  });

  test('are not heard by who lacks their card; their mail waits for it', async () => {
    const { join } = await strangers({ quarantine: { retryAfter: 60_000 } });
    const [alice, bob] = [await join('alice'), await join('bob')];
    await expect(alice.send(bob.address, 'too early')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
    await alice.contacts.add(await link(bob));
    await alice.send(bob.address, 'who is it?');
    await until(() => bob.status().quarantine === 1 || undefined);
    await bob.contacts.add(await link(alice));
    expect(await texts(bob, 1)).toEqual(['who is it?']);
  });

  test('tell their contacts of new keys themselves, those whom they never wrote to included', async () => {
    const { join, world, directory } = await strangers();
    const store = lasting();
    const [alice, bob] = [await join('alice', { store }), await join('bob')];
    await exchangeCards(alice, bob);
    const told = await world.overhear(`nes/${alice.address}/control`);
    await bob.rotateKeys();
    await told.bytes;
    const sealKey = bob.record.devices.find(isCurrent)?.sealKey;
    const kid = sealKey && (await thumbprint(sealKey, (data) => provider.sha256(data))).slice(0, 8);
    const heard = take(bob, 1);
    // The notice is heard by others before Alice has taken it in.
    await until(async () => {
      const sent = await world.overhear(`nes/${bob.address}/message`);
      await alice.send(bob.address, 'to the new keys', { receipt: false });
      const [recipient] = decodeEncrypt(await sent.bytes, 8).recipients;
      return equal(recipient?.unprotectedHeader.get(Header.kid) as Uint8Array, kid as Uint8Array) || undefined;
    });
    await heard;
    await alice.close();
    const again = await world.open(hrid('alice'), { directory, store });
    await again.send(bob.address, 'after a restart');
    await until(async () => (await texts(bob, 1))[0] === 'after a restart' || undefined);
    expect(again.contacts.get(bob.address)).toMatchObject({ byCard: true, verified: false });
  });
});

describe('the card of somebody with a name', () => {
  test('pins their key, with or without a directory that has it', async () => {
    const world = await createWorld();
    const away: KeyDirectory = {
      ...carelessDirectory(),
      lookup: () => Promise.reject(new SealMQError('DIRECTORY_UNREACHABLE', 'away')),
    };
    const [alice, bob] = [await world.join('alice'), await world.join('bob')];
    const { link, qr } = await bob.contactCard({ name: 'Bob B.' });
    const pinned = { address: 'bob', identity: bob.record.identity, byCard: true, verified: false, blocked: false };
    expect(await alice.contacts.add(qr)).toEqual({ ...pinned, name: 'Bob B.' });
    expect(await alice.contacts.add(link, { name: 'Robert', verified: true })).toEqual({
      ...pinned,
      ...{ name: 'Robert', verified: true },
    });
    expect(await alice.contacts.add(link)).toMatchObject({ name: 'Robert', verified: true });

    const store = lasting();
    const carol = await world.open('carol', { directory: away, store });
    await expect(carol.contacts.add(qr)).rejects.toMatchObject({ code: 'DIRECTORY_UNREACHABLE' });
    expect(await carol.contacts.add(link)).toEqual({ ...pinned, name: 'Bob B.' });
    await carol.close();
    const again = await world.open('carol', { store });
    expect(again.contacts.list()).toEqual([{ ...pinned, name: 'Bob B.' }]);
    await again.register();
    await again.send('bob', 'by card');
    expect(await texts(bob, 1)).toEqual(['by card']);
  });

  test('is made by linked devices too, and is the same person', async () => {
    const world = await createWorld();
    const [alice, bob] = [await world.join('alice'), await world.join('bob')];
    const phone = await linkTo(world, bob);
    expect((await alice.contacts.add(await link(phone))).identity).toEqual(bob.record.identity);
    expect((await alice.contacts.add((await phone.contactCard()).qr)).identity).toEqual(bob.record.identity);
  });

  test('says nothing of a block, and cannot lift it', async () => {
    const world = await createWorld();
    const [alice, bob] = [await world.join('alice'), await world.join('bob')];
    await alice.contacts.block('bob');
    expect(await alice.contacts.add(await link(bob))).toMatchObject({ blocked: true, byCard: true });
    expect(alice.contacts.get('bob')?.blocked).toBe(true);
  });

  test('is refused when it is our own, has run out, or is something else', async () => {
    const world = await createWorld();
    const clock = { now: () => Date.now() };
    const [alice, bob] = [await world.join('alice', { clock }), await world.join('bob')];
    const wrong = { code: 'USAGE_INVALID_ARGUMENT' };
    await expect(alice.contacts.add(await link(alice))).rejects.toMatchObject(wrong);
    for (const options of [{ expiresIn: 0 }, { expiresIn: Number.NaN }, { name: '' }, { name: 'n'.repeat(65) }]) {
      await expect(bob.contactCard(options)).rejects.toMatchObject(wrong);
    }
    const unregistered = await world.open('dave');
    await expect(alice.contacts.add((await unregistered.contactCard()).qr)).rejects.toMatchObject({
      code: 'DIRECTORY_NOT_FOUND',
    });
    const altered = (await link(bob)).replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'));
    await expect(alice.contacts.add(altered)).rejects.toMatchObject({
      code: expect.stringMatching(/VERIFY_SIGNATURE|DECODE_CARD/),
    });
    const { link: short, expiresAt } = await bob.contactCard({ expiresIn: 3600 });
    clock.now = () => expiresAt.getTime() + 1000;
    const late = await world.open('erin', { clock, directory: carelessDirectory() });
    await expect(late.contacts.add(short)).rejects.toMatchObject({ code: 'USAGE_CARD_EXPIRED' });
    expect(alice.contacts.list()).toEqual([]);
  });
});

describe('a card that contradicts what is known', () => {
  /** Two Bobs: the directory has the second. */
  async function twoBobs(world: World) {
    const directory = carelessDirectory();
    const first = await world.join('bob', { directory });
    const card = await first.contactCard();
    await first.close();
    const second = await world.join('bob', { directory });
    return { directory, first, second, ...card };
  }

  test('raises an alarm when the directory has another key; nothing is taken over', async () => {
    const world = await createWorld();
    const { directory, first, second, link, qr } = await twoBobs(world);
    const alice = await world.join('alice', { directory });
    const alarm = next(alice, 'cardConflict');
    await expect(alice.contacts.add(link)).rejects.toMatchObject({ code: 'DIRECTORY_CARD_CONFLICT' });
    expect(await alarm).toMatchObject({
      ...{ address: 'bob', identity: first.record.identity, source: 'directory' },
      other: { identity: second.record.identity },
    });
    await expect(alice.contacts.add(qr)).rejects.toMatchObject({ code: 'DIRECTORY_CARD_CONFLICT' });
    expect(alice.contacts.list()).toEqual([]);
  });

  test('raises an alarm when another key is pinned, until the application replaces it', async () => {
    const world = await createWorld();
    const { directory, first, second, link } = await twoBobs(world);
    const alice = await world.join('alice', { directory, keyCache: { cooldown: 0 } });
    await alice.contacts.add('bob', { name: 'Bob' });
    await alice.contacts.markVerified('bob');
    directory.lookup = () => Promise.reject(new SealMQError('DIRECTORY_UNREACHABLE', 'away'));
    const alarm = next(alice, 'cardConflict');
    await expect(alice.contacts.add(link)).rejects.toMatchObject({ code: 'STATE_CARD_CONFLICT' });
    expect(await alarm).toMatchObject({ source: 'known', other: { identity: second.record.identity } });
    expect(alice.contacts.get('bob')).toMatchObject({ verified: true, identity: second.record.identity });

    const changed = next(alice, 'keyChanged');
    const replaced = await alice.contacts.add(link, { replace: true });
    expect(replaced).toMatchObject({ name: 'Bob', verified: false, byCard: true, identity: first.record.identity });
    expect(await changed).toMatchObject({ vouched: false, held: false });
  });

  test('a key that was pinned by card is not replaced by what the directory says later', async () => {
    const world = await createWorld();
    const directory = carelessDirectory();
    const settings = { directory, timing, keyCache: { cooldown: 0 } };
    const [alice, first] = [await world.join('alice', settings), await world.join('bob', settings)];
    await alice.contacts.add(await link(first));
    await first.close();
    const second = await world.join('bob', settings);
    const changed = next(alice, 'keyChanged');
    await second.send('alice', 'it is me');
    expect(await changed).toMatchObject({ held: true });
    await expect(alice.send('bob', 'who?')).rejects.toMatchObject({ code: 'DIRECTORY_IDENTITY_HELD' });
    expect(equal(alice.contacts.get('bob')?.identity ?? new Uint8Array(0), first.record.identity)).toBe(true);
    await alice.contacts.acceptKey('bob');
    expect(await texts(alice, 1)).toEqual(['it is me']);
    expect(alice.contacts.get('bob')).toEqual({
      ...{ address: 'bob', verified: false, blocked: false, identity: second.record.identity },
    });
  });
});

test('contacts are called what one likes', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob', {})];
  await alice.contacts.add(await link(bob), { name: 'Bob' });
  expect(await alice.contacts.rename('bob', 'Robert')).toMatchObject({ name: 'Robert', byCard: true });
  expect(await alice.contacts.rename('bob', undefined)).not.toHaveProperty('name');
  const wrong = { code: 'USAGE_INVALID_ARGUMENT' };
  await expect(alice.contacts.rename('bob', '')).rejects.toMatchObject(wrong);
  await expect(alice.contacts.rename('carol', 'Carol')).rejects.toMatchObject(wrong);
});
