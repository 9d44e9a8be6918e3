import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { openOffline } from '../../src/client/offline-account.js';
import { closing, createWorld, next, take } from './world.js';

/** A store in memory that survives `close`, as a disk would. */
const lasting = () => ({ ...memoryStore(), close: async () => {} });

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sealmq-account-'));
  closing(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('an account survives a restart: keys, address, numbering', async () => {
  const world = await createWorld();
  const store = await folder();
  const bob = await world.join('bob');
  const alice = await world.join('alice', { store, passphrase: 'correct horse' });
  const { record, deviceId } = alice;
  await (await alice.send('bob', 'one')).published;
  await alice.close();
  const again = await world.open('alice', { store, passphrase: 'correct horse' });
  expect(again.record.hash).toEqual(record.hash);
  expect(again.deviceId).toBe(deviceId);
  expect((await again.send('bob', 'two')).seq).toBe(2);
  expect((await take(bob, 2)).map(({ seq }) => seq)).toEqual([1, 2]);
});

test('a wrong passphrase, a second messenger on one store, a store of somebody else', async () => {
  const world = await createWorld();
  const store = await folder();
  const alice = await world.open('alice', { store, passphrase: 'right' });
  await expect(world.open('alice', { store, passphrase: 'right' })).rejects.toMatchObject({ code: 'STATE_LOCKED' });
  await alice.close();
  const wrong = world.open('alice', { store, passphrase: 'wrong' });
  await expect(wrong).rejects.toMatchObject({ code: 'STATE_WRONG_PASSPHRASE' });
  const other = world.open('bob', { store, passphrase: 'right' });
  await expect(other).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  await (await world.open('alice', { store, passphrase: 'right' })).close();
});

test('an address has one owner', async () => {
  const world = await createWorld();
  await world.join('alice');
  const impostor = await world.open('alice');
  await expect(impostor.register()).rejects.toMatchObject({ code: 'DIRECTORY_CONFLICT' });
});

test('nobody sends before registering, and nobody is found who has not', async () => {
  const world = await createWorld();
  const alice = await world.open('alice');
  await world.open('bob');
  await expect(alice.send('bob', 'x')).rejects.toMatchObject({ code: 'STATE_NOT_REGISTERED' });
  await alice.register();
  await alice.register();
  await expect(alice.send('bob', 'x')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  for (const address of ['Bob', '', 'a/b', '#', 'room', '~x', 'x'.repeat(65), '../bob']) {
    await expect(alice.send(address, 'x')).rejects.toMatchObject({ code: 'USAGE_INVALID_ADDRESS' });
  }
});

test.each(['X25519-Ed25519', 'P256-ESP256', 'RSA3072-PS256'] as const)(
  '%s writes to every suite and hears from it',
  async (suite) => {
    const world = await createWorld();
    const me = await world.join('me', { suite });
    const default_ = await world.join('you');
    await me.send('you', 'there');
    await take(default_, 1);
    await default_.send('me', 'and back');
    expect((await take(me, 1))[0]).toMatchObject({ from: 'you', text: 'and back' });
  },
);

test('keys rotate: mail in flight to the old ones still opens, new mail goes to the new ones', async () => {
  const world = await createWorld();
  const store = lasting();
  const alice = await world.join('alice');
  const bob = await world.join('bob', { store });
  const before = bob.record.devices[0]?.sealKey;
  await (await alice.send('bob', 'to the old key')).published;
  await bob.rotateKeys({ suite: 'P256-ESP256' });
  expect(bob.record).toMatchObject({ version: 2 });
  expect(bob.record.devices.map(({ id }) => id)).toEqual([bob.deviceId, bob.deviceId]);
  expect(bob.record.devices[0]?.notAfter).toBeDefined();
  expect(bob.record.devices[1]?.sealKey).not.toEqual(before);
  await alice.send('bob', 'sealed by a stale cache');
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['to the old key', 'sealed by a stale cache']);
  await bob.close();

  const restarted = await world.open('bob', { store });
  const carol = await world.join('carol');
  await carol.send('bob', 'to the new key');
  await restarted.send('carol', 'signed by the new key');
  expect((await take(restarted, 1))[0]?.text).toBe('to the new key');
  expect((await take(carol, 1))[0]?.text).toBe('signed by the new key');
});

test('an imported identity is another device: both receive, either may be revoked', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  const laptop = await world.join('bob', { deviceName: 'laptop' });
  const file = await laptop.exportIdentity('open sesame');
  const wrong = world.open('bob', { identity: { file, passphrase: 'open barley' } });
  await expect(wrong).rejects.toMatchObject({ code: 'STATE_WRONG_PASSPHRASE' });
  const phone = await world.join('bob', { identity: { file, passphrase: 'open sesame' }, deviceName: 'phone' });
  expect(phone.deviceId).not.toBe(laptop.deviceId);
  expect(phone.devices.list().map(({ name }) => name)).toEqual(['laptop', 'phone']);

  await alice.send('bob', 'to both');
  expect((await take(laptop, 1))[0]?.text).toBe('to both');
  expect((await take(phone, 1))[0]?.text).toBe('to both');
  await phone.send('alice', 'from the phone');
  expect((await take(alice, 1))[0]).toMatchObject({ from: 'bob', device: phone.deviceId });

  await laptop.devices.revoke(phone.deviceId);
  expect(laptop.record.version).toBe(3);
  const carol = await world.join('carol');
  const refused = next(carol, 'rejected');
  await phone.send('carol', 'I am a stolen phone');
  expect(await refused).toEqual({ reason: 'revoked', from: 'bob' });
  const dropped = next(phone, 'rejected');
  await carol.send('bob', 'to the laptop only');
  expect(await dropped).toMatchObject({ reason: 'not-for-me' });
  expect((await take(laptop, 1))[0]?.text).toBe('to the laptop only');
});

test('keys that were made long before they are registered are dated anew', async () => {
  const world = await createWorld();
  const store = await folder();
  const anHourAgo = { now: () => Date.now() - 3600_000 };
  await (await openOffline({ address: 'alice', store, create: true, clock: anHourAgo }))?.close();
  const alice = await world.join('alice', { store });
  await alice.register();
  expect(alice.record.version).toBe(2);
});

test('registering again keeps what another device has published since', async () => {
  const world = await createWorld();
  const first = await world.join('alice');
  const file = await first.exportIdentity('open sesame');
  const second = await world.join('alice', { identity: { file, passphrase: 'open sesame' } });
  await first.register();
  expect(first.record.version).toBe(2);
  expect(first.devices.list().map(({ id }) => id)).toEqual([first.deviceId, second.deviceId]);
});

test('the last device cannot be retired', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  await expect(bob.devices.retire(bob.deviceId)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  await expect(bob.devices.retire('aaaaaaaaaaaaaaaa')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  await expect(bob.devices.revoke('aaaaaaaaaaaaaaaa')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  expect(bob.record.version).toBe(1);
});
