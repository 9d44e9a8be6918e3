import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { openContactList } from '../../src/client/contact-list.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import type { KeyRecord } from '../../src/protocol/identity/index.js';
import { accountOf } from '../directory/fixtures.js';
import { carelessDirectory } from './careless-directory.js';
import { createWorld, next, take, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

/** Alice knows Bob; then somebody else appears under his address. */
async function replaced(
  options: Partial<MessengerOptions> = {},
  prepare: (alice: Messenger) => Promise<unknown> = async () => {},
) {
  const world = await createWorld();
  const directory = carelessDirectory();
  const store = lasting();
  const settings = { directory, store, timing, keyCache: { cooldown: 0 }, ...options };
  const alice = await world.join('alice', settings);
  const bob = await world.join('bob', { directory, timing });
  await (await bob.send('alice', 'the first Bob')).published;
  await take(alice, 1);
  await prepare(alice);
  await bob.close();
  const other = await world.join('bob', { directory, timing });
  const changed = next(alice, 'keyChanged');
  const sent = await other.send('alice', 'one');
  return { ...{ world, alice, store, settings, before: bob.record, other, sent }, change: await changed };
}

const texts = async (messenger: Messenger, count: number) => (await take(messenger, count)).map(({ text }) => text);
const verifyBob = (alice: Messenger) => alice.contacts.markVerified('bob');

describe('a new identity key', () => {
  test('of somebody who is not verified is taken, and told', async () => {
    const { alice, other, change } = await replaced({}, (alice) => alice.contacts.add('bob', { name: 'Bob' }));
    expect(change).toMatchObject({ address: 'bob', vouched: false, held: false });
    expect(await texts(alice, 1)).toEqual(['one']);
    expect(alice.contacts.get('bob')).toMatchObject({ name: 'Bob', verified: false, identity: other.record.identity });
    await alice.send('bob', 'hello');
    expect(await texts(other, 1)).toEqual(['hello']);
  });

  test('of a verified contact is held; their mail waits, in order, until it is accepted', async () => {
    const { alice, other, before, change, sent } = await replaced({}, verifyBob);
    expect(change).toMatchObject({ held: true, current: { hash: other.record.hash } });
    await other.send('alice', 'two');
    await until(() => alice.status().quarantine === 2 || undefined);
    await expect(alice.send('bob', 'to whom?')).rejects.toMatchObject({ code: 'DIRECTORY_IDENTITY_HELD' });
    await expect(verifyBob(alice)).rejects.toMatchObject({ code: 'DIRECTORY_IDENTITY_HELD' });
    expect(alice.contacts.get('bob')).toMatchObject({ verified: true, identity: before.identity });
    expect((await alice.contacts.offeredKey('bob'))?.identity).toEqual(other.record.identity);

    const accepted = next(alice, 'keyChanged');
    await alice.contacts.acceptKey('bob', change.current.identity);
    expect(await accepted).toMatchObject({ held: false, previous: { hash: before.hash } });
    expect(await texts(alice, 2)).toEqual(['one', 'two']);
    expect(alice.contacts.get('bob')).toMatchObject({ verified: false, identity: other.record.identity });
    expect(await alice.contacts.offeredKey('bob')).toBeUndefined();
    await sent.delivered;
    await (await alice.send('bob', 'hello')).delivered;
  });

  test('waits for the decision over a restart', async () => {
    const { world, alice, settings } = await replaced({}, verifyBob);
    await until(() => alice.status().quarantine === 1 || undefined);
    await alice.close();
    const again = await world.open('alice', settings);
    expect(again.contacts.get('bob')?.verified).toBe(true);
    await expect(again.send('bob', 'x')).rejects.toMatchObject({ code: 'DIRECTORY_IDENTITY_HELD' });
    await again.contacts.acceptKey('bob');
    expect(await texts(again, 1)).toEqual(['one']);
  });

  test('that is refused: its mail is dropped, what follows too, and it can still be accepted', async () => {
    const { alice, other, before } = await replaced({}, verifyBob);
    await until(() => alice.status().quarantine === 1 || undefined);
    const first = next(alice, 'rejected');
    await alice.contacts.refuseKey('bob');
    expect(await first).toEqual({ reason: 'identity-refused', from: 'bob' });
    const second = next(alice, 'rejected');
    await other.send('alice', 'two');
    expect(await second).toEqual({ reason: 'identity-refused', from: 'bob' });
    await expect(alice.send('bob', 'x')).rejects.toMatchObject({ code: 'DIRECTORY_IDENTITY_REFUSED' });
    expect(alice.contacts.get('bob')).toMatchObject({ verified: true, identity: before.identity });
    await alice.contacts.acceptKey('bob');
    await other.send('alice', 'three');
    // What was dropped was not receipted, so its sender still has it.
    expect((await texts(alice, 3)).sort()).toEqual(['one', 'three', 'two']);
  });

  test('is decided on by what was compared, not by what came in its place', async () => {
    const { alice, before } = await replaced({}, verifyBob);
    const wrong = { code: 'USAGE_INVALID_ARGUMENT' };
    await expect(alice.contacts.acceptKey('bob', before.identity)).rejects.toMatchObject(wrong);
    await expect(alice.contacts.refuseKey('bob', before.identity)).rejects.toMatchObject(wrong);
    await expect(alice.contacts.acceptKey('carol')).rejects.toMatchObject(wrong);
    await expect(alice.contacts.markVerified('bob', new Uint8Array(32))).rejects.toMatchObject(wrong);
  });

  test('onKeyChange holds that of everybody, or of nobody', async () => {
    const { alice, change } = await replaced({ onKeyChange: 'hold' });
    expect(change.held).toBe(true);
    await alice.contacts.acceptKey('bob');
    expect(await texts(alice, 1)).toEqual(['one']);
    expect(alice.contacts.get('bob')).toBeUndefined();

    const careless = await replaced({ onKeyChange: 'accept' }, verifyBob);
    expect(careless.change.held).toBe(false);
    expect(careless.alice.contacts.get('bob')?.verified).toBe(false);
  });
});

describe('somebody who is blocked', () => {
  async function acquainted() {
    const world = await createWorld();
    const store = lasting();
    const alice = await world.join('alice', { timing, store });
    // Nobody tells her of Alice's new keys, so that she has to ask.
    const mallory = await world.join('mallory', { timing, keyCache: { cooldown: 0 } });
    await (await mallory.send('alice', 'hello')).delivered;
    await take(alice, 1);
    return { world, store, alice, mallory };
  }

  test('is not heard and learns nothing, over a restart too; unblocked, their mail comes after all', async () => {
    const { world, store, alice, mallory } = await acquainted();
    await alice.contacts.block('mallory');
    const heard: string[] = [];
    const listener = await world.client();
    listener.on('message', (topic) => heard.push(topic));
    await listener.subscribeAsync('nes/mallory/control');
    const rejected = next(alice, 'rejected');
    const sent = await mallory.send('alice', 'are you there?');
    expect(await rejected).toEqual({ reason: 'blocked', from: 'mallory' });
    await alice.close();

    const again = await world.open('alice', { timing, store });
    expect(again.contacts.list()).toEqual([{ address: 'mallory', verified: false, blocked: true }]);
    // A new record is told to everybody else who ever wrote.
    await again.rotateKeys();
    await again.devices.announced();
    // Mallory's device repeats it; by the second time whatever is said on connecting has been said.
    for (let i = 0; i < 2; i++) await next(again, 'rejected');
    expect(heard).toEqual([]);
    expect(mallory.status().unreceipted).toBe(1);
    await again.contacts.unblock('mallory');
    await sent.delivered;
    expect(await texts(again, 1)).toEqual(['are you there?']);
    await until(() => heard.includes('nes/mallory/control') || undefined);
  });

  test('is not written to, and what they never receipted is forgotten', async () => {
    const { alice, mallory } = await acquainted();
    await mallory.close();
    const sent = await alice.send('mallory', 'unreceipted');
    await sent.published;
    expect(alice.status().unreceipted).toBe(1);
    await alice.contacts.block('mallory');
    await expect(sent.delivered).rejects.toMatchObject({ code: 'USAGE_CONTACT_BLOCKED' });
    await expect(alice.send('mallory', 'no')).rejects.toMatchObject({ code: 'USAGE_CONTACT_BLOCKED' });
    expect(alice.status()).toMatchObject({ outbox: 0, unreceipted: 0 });
  });
});

test('receipts go to contacts only, or to nobody', async () => {
  const world = await createWorld();
  const alice = await world.join('alice', { timing, receipts: 'contacts' });
  const [bob, carol] = [await world.join('bob', { timing }), await world.join('carol', { timing })];
  await alice.contacts.add('bob');
  const heard = await world.overhear('nes/carol/control');
  const toCarol = heard.bytes.then(() => 'heard');
  const unreceipted = await carol.send('alice', 'from a stranger');
  await unreceipted.published;
  await (await bob.send('alice', 'from a contact')).delivered;
  await take(alice, 2);
  expect(await Promise.race([toCarol, Promise.resolve('nothing')])).toBe('nothing');
  expect(carol.status().unreceipted).toBe(1);
  await alice.contacts.add('carol');
  await unreceipted.delivered;

  const dave = await world.join('dave', { timing, receipts: 'none' });
  await (await bob.send('dave', 'kept')).published;
  await take(dave, 1);
  expect(bob.status().unreceipted).toBe(1);
});

test('contacts are added, named, removed; odd ones are refused', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  expect(await alice.contacts.add('bob')).toEqual({
    ...{ address: 'bob', identity: bob.record.identity, verified: false, blocked: false },
  });
  await alice.contacts.markVerified('bob', bob.record.identity);
  expect(await alice.contacts.add('bob', { name: 'Bob B.' })).toMatchObject({ name: 'Bob B.', verified: true });
  await expect(alice.contacts.add('nobody')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  await expect(alice.contacts.add('Bob')).rejects.toMatchObject({ code: 'USAGE_INVALID_ADDRESS' });
  await expect(alice.contacts.add('bob', { name: '' })).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  await expect(alice.contacts.block('alice')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  await alice.contacts.remove('bob');
  expect(alice.contacts.list()).toEqual([]);
});

describe('the list', () => {
  const change = (previous: KeyRecord, current: KeyRecord, vouched: boolean) => ({
    ...{ address: current.address, previous, current, vouched, dropped: [] },
  });

  test('takes a key that the old one vouches for, and is no longer sure of it', async () => {
    const [before, after] = [(await accountOf('bob')).record, (await accountOf('bob')).record];
    const store = memoryStore();
    const list = await openContactList(store, 'alice', {});
    await list.put({ address: 'bob', identity: before.identity, verified: true, blocked: false });
    expect(await list.meetIdentity(change(before, after, false))).toBe('hold');
    expect(await list.meetIdentity(change(before, after, true))).toBe('accept');
    expect(list.get('bob')).toMatchObject({ identity: after.identity, verified: false });
    // Kept before the record is: a crash in between asks again, and gets the same answer.
    const restarted = await openContactList(store, 'alice', { onKeyChange: 'hold' });
    expect(await restarted.meetIdentity(change(before, after, false))).toBe('accept');
  });

  test('never takes another key for our own address', async () => {
    const [before, after] = [(await accountOf('alice')).record, (await accountOf('alice')).record];
    const list = await openContactList(memoryStore(), 'alice', { onKeyChange: 'accept' });
    expect(await list.meetIdentity(change(before, after, true))).toBe('hold');
  });

  test('that is damaged is not read', async () => {
    const store = memoryStore();
    await store.batch([{ type: 'put', key: 'contact/bob', value: encodeCbor(toMap({ verified: 1, blocked: false })) }]);
    await expect(openContactList(store, 'alice', {})).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  });
});
