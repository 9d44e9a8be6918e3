import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { run } from '../../src/crypto/steps.js';
import { SealMQError } from '../../src/errors.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { type Control, encodeControl } from '../../src/protocol/envelope/control.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { linkText, parseLink } from '../../src/protocol/identity/device-link.js';
import { activeSealKeys, generateDeviceKeys, startLink } from '../../src/protocol/identity/index.js';
import { startProxy } from '../mqtt/proxy.js';
import { claims, now, provider, publish } from './liar.js';
import { lasting, linkTo, showLink } from './linking.js';
import { lossy } from './lossy.js';
import { closing, createWorld, next, take } from './world.js';

test('a linked device sends and receives, and has device keys only', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob', { deviceName: 'laptop' })];
  const store = lasting();
  const linking = await showLink(world, 'bob', { store, deviceName: 'phone' });
  expect(linking.link).toMatch(/^sealmq:link\/[\w-]+$/);
  const request = await laptop.devices.link(linking.link);
  expect(request.digits).toMatch(/^\d{6}$/);
  expect(await linking.digits).toBe(request.digits);
  expect(request.device.name).toBe('phone');
  expect(laptop.record.version).toBe(1);
  await request.confirm();
  const phone = await linking.linked;

  expect(phone.record.hash).toEqual(laptop.record.hash);
  expect(phone.devices.list().map(({ name }) => name)).toEqual(['laptop', 'phone']);
  await alice.send('bob', 'to both');
  expect((await take(phone, 1))[0]?.text).toBe('to both');
  expect((await take(laptop, 1))[0]?.text).toBe('to both');
  await phone.send('alice', 'from the phone');
  expect((await take(alice, 1))[0]).toMatchObject({ from: 'bob', device: phone.deviceId });

  const refused = { code: 'USAGE_NO_IDENTITY_KEY' };
  await expect(phone.exportIdentity('x')).rejects.toMatchObject(refused);
  await expect(phone.rotateKeys()).rejects.toMatchObject(refused);
  await expect(phone.devices.revoke(laptop.deviceId)).rejects.toMatchObject(refused);
  await expect(phone.devices.link(linking.link)).rejects.toMatchObject(refused);

  await phone.close();
  const again = await world.open('bob', { store });
  await again.send('alice', 'after a restart');
  expect((await take(alice, 1))[0]?.text).toBe('after a restart');
});

test('a new device gets everything from the next send on, although the sender has a fresh record', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  await alice.send('bob', 'to the laptop');
  await take(laptop, 1);
  const told = next(alice, 'devicesChanged');
  const phone = await linkTo(world, laptop, { deviceName: 'phone' });
  expect(await told).toMatchObject({ address: 'bob', added: [{ id: phone.deviceId, name: 'phone' }], removed: [] });
  await alice.send('bob', 'to both');
  expect((await take(phone, 1))[0]?.text).toBe('to both');
  expect((await take(laptop, 1))[0]?.text).toBe('to both');
});

test('who sends as soon as the new device is there has heard of it, however long the news took', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  const store = lasting();
  const before = await world.join('bob', { store });
  await alice.send('bob', 'to the laptop');
  await take(before, 1);
  await before.close();
  // It has to ask where to send the news, after a restart.
  const directory = httpKeyDirectory({ url: world.directory.url, provider, store: memoryStore() });
  const lookup: KeyDirectory['lookup'] = async (...asked) => {
    await sleep(500);
    return directory.lookup(...asked);
  };
  const laptop = await world.open('bob', { store, directory: { ...directory, lookup } });
  const phone = await linkTo(world, laptop);
  await alice.send('bob', 'to both');
  expect((await take(phone, 1))[0]?.text).toBe('to both');
});

test('a third device is known to the second, and the second tells its own friends', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  const phone = await linkTo(world, laptop);
  // The laptop has never met Alice.
  await phone.send('alice', 'hello');
  await take(alice, 1);
  await alice.send('bob', 'hello');
  await take(phone, 1);
  const told = [next(phone, 'devicesChanged'), next(alice, 'devicesChanged')];
  const tablet = await linkTo(world, laptop);
  for (const change of told) expect(await change).toMatchObject({ address: 'bob', added: [{ id: tablet.deviceId }] });
  await alice.send('bob', 'to the tablet too');
  expect((await take(tablet, 1))[0]?.text).toBe('to the tablet too');
});

test('a device that joined later says where it begins, and reports nothing of the past as missing', async () => {
  const world = await createWorld();
  const [alice, laptop] = [await world.join('alice'), await world.join('bob')];
  await alice.send('bob', 'one');
  await alice.send('bob', 'two');
  await take(laptop, 2);
  const told = next(alice, 'devicesChanged');
  const phone = await linkTo(world, laptop);
  const reported: unknown[] = [];
  for (const name of ['missing', 'lost', 'rejected'] as const) phone.on(name, (event: unknown) => reported.push(event));
  await told;
  const begins = next(phone, 'earlier');
  await alice.send('bob', 'three');
  await alice.send('bob', 'four');
  expect((await take(phone, 2)).map(({ text }) => text)).toEqual(['three', 'four']);
  expect(await begins).toMatchObject({ from: 'alice', device: alice.deviceId, range: [1, 2] });
  expect(reported).toEqual([]);
});

test('before it is linked, a device is heard on its link only', async () => {
  const world = await createWorld();
  const laptop = await world.join('bob');
  const guest = await run(generateDeviceKeys(provider, 'X25519-Ed25519'));
  const waiting = await run(startLink(provider, guest, laptop.record, { now: now() }));
  const request = laptop.devices.link(linkText(waiting.link), { timeout: 2000 });
  request.catch(() => {});
  const bySaying = async (control: Control) => {
    const rejected = next(laptop, 'rejected', ({ from }) => from === 'bob');
    const draft = { ...claims('bob', 'bob'), family: 'control' as const, payload: encodeControl(control) };
    const keys = { signKey: guest.signKey, recipients: activeSealKeys(laptop.record, now()) };
    await publish(world, 'nes/bob/control', await seal(provider, draft, keys));
    return (await rejected).reason;
  };
  const refuse: Control = { kind: 'refuse', device: laptop.deviceId, stream: 1, newest: 2 };
  expect(await bySaying(refuse)).toBe('unknown-key');
  await expect(request).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });
});

test('a link is answered once', async () => {
  const world = await createWorld();
  const laptop = await world.join('bob');
  const linking = await showLink(world, 'bob');
  const request = await laptop.devices.link(linking.link);
  const second = laptop.devices.link(linking.link, { timeout: 300 });
  await expect(second).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });
  await request.confirm();
  expect((await linking.linked).deviceId).toBe(request.device.id);
});

test('a device that shows another link while the first is still waited for, as after a crash', async () => {
  const world = await createWorld();
  const laptop = await world.join('bob');
  const store = lasting();
  const first = await showLink(world, 'bob', { store });
  await first.cancel();
  const waiting = laptop.devices.link(first.link, { timeout: 3000 });
  const second = await showLink(world, 'bob', { store });
  const request = await laptop.devices.link(second.link);
  await expect(waiting).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });
  await request.confirm();
  expect((await second.linked).deviceId).toBe(request.device.id);
});

test('a new device that is not connected yet, or was not: the offer comes again', async () => {
  const world = await createWorld();
  const laptop = await world.join('bob');
  let lost = 0;
  const broker = lossy(world, (topic) => topic === 'nes/bob/control' && lost++ === 0);
  const linking = await showLink(world, 'bob', { broker });
  // The first answer is lost as well.
  const request = await laptop.devices.link(linking.link);
  expect(lost).toBeGreaterThan(1);
  await request.confirm();
  expect((await linking.linked).deviceId).toBe(request.device.id);
});

test('a link that is answered before there is a connection', async () => {
  const world = await createWorld();
  const proxy = await startProxy(Number(new URL(world.brokerUrl).port));
  closing(() => proxy.close());
  const laptop = await world.join('bob', { broker: `mqtt://127.0.0.1:${proxy.port}` });
  const linking = await showLink(world, 'bob');
  const disconnected = next(laptop, 'connection', ({ state }) => state === 'disconnected');
  proxy.cut();
  await disconnected;
  const request = await laptop.devices.link(linking.link);
  await request.confirm();
  expect((await linking.linked).deviceId).toBe(request.device.id);
});

test('a welcome that was lost: the device shows another link, and its entry stays what it was', async () => {
  const world = await createWorld();
  const laptop = await world.join('bob');
  const store = lasting();
  const first = await showLink(world, 'bob', { store });
  const request = await laptop.devices.link(first.link);
  // The new device dies after it has shown its digits.
  await first.cancel();
  await expect(first.linked).rejects.toMatchObject({ code: 'USAGE_CLOSED' });
  await request.confirm();
  expect(laptop.record.version).toBe(2);
  const opened = world.open('bob', { store });
  await expect(opened).rejects.toMatchObject({ code: 'STATE_NOT_LINKED' });

  const second = await showLink(world, 'bob', { store });
  expect(parseLink(second.link).device.id).toBe(request.device.id);
  const repeated = await laptop.devices.link(second.link);
  await repeated.confirm();
  const phone = await second.linked;
  expect(laptop.record.version).toBe(2);
  expect(phone.record.hash).toEqual(laptop.record.hash);
  await phone.close();
  const linkedAgain = Messenger.link({
    address: 'bob',
    broker: world.brokerUrl,
    directory: world.directory.url,
    store,
  });
  await expect(linkedAgain).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
});

test('the record was published, and its answer lost: another link finishes what was begun', async () => {
  const world = await createWorld();
  const real = httpKeyDirectory({ url: world.directory.url, provider, store: memoryStore() });
  let deaf = false;
  const directory: KeyDirectory = {
    ...real,
    async publish(address, record) {
      await real.publish(address, record);
      if (deaf) throw new SealMQError('DIRECTORY_UNREACHABLE', 'the answer was lost');
    },
  };
  const laptop = await world.join('bob', { directory });
  const store = lasting();
  const first = await showLink(world, 'bob', { store });
  const request = await laptop.devices.link(first.link);
  deaf = true;
  await expect(request.confirm()).rejects.toMatchObject({ code: 'DIRECTORY_UNREACHABLE' });
  deaf = false;
  await first.cancel();
  const second = await showLink(world, 'bob', { store });
  await (await laptop.devices.link(second.link)).confirm();
  expect((await second.linked).deviceId).toBe(request.device.id);
  expect(laptop.devices.list()).toHaveLength(2);
});

test('a link for somebody else, to nobody, or cut off', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  await expect(showLink(world, 'nobody')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  const { link } = await showLink(world, 'bob');
  await expect(alice.devices.link(link)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  await expect(bob.devices.link(link.slice(0, -9))).rejects.toMatchObject({ code: 'DECODE_LINK' });
});
