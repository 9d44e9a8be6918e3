import { decodeJwt } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { LinkDeviceOptions } from '../../src/client/options.js';
import { run } from '../../src/crypto/steps.js';
import { MAX_VOUCHER_BYTES, signVoucher } from '../../src/protocol/directory/index.js';
import {
  type Account,
  addDevice,
  type DeviceEntry,
  type KeyRecord,
  revokeDevice,
} from '../../src/protocol/identity/index.js';
import type { KeyProvider } from '../../src/server/key-provider/index.js';
import { connect } from '../broker/clients.js';
import { closing, take } from '../client/world.js';
import { accountOf, type ManualClock, manualClock, nextOf, provider } from '../directory/fixtures.js';
import {
  fetchChallenge,
  type GuestKeys,
  newcomer,
  openDirectory,
  openGuarded,
  outcomeOf,
  postVoucher,
  randomId,
  register,
  askAsGuest as request,
  vouch,
} from './desk.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };

describe('a device is linked', () => {
  test('over a broker that admits by token, and is a device like any other afterwards', async () => {
    const { places, join, showLink, log } = await scene();
    const [alice, laptop] = [await join('alice'), await join('bob')];
    const store = { ...memoryStore(), close: async () => {} };
    const linking = await showLink('bob', { deviceName: 'phone', store });
    const request = await laptop.devices.link(linking.link);
    expect(await linking.digits).toBe(request.digits);
    await request.confirm();
    const phone = await linking.linked;
    expect(phone.status().connection).toBe('connected');

    const sent = await alice.send('bob', 'to both');
    for (const device of [phone, laptop]) expect((await take(device, 1))[0]?.text).toBe('to both');
    await sent.delivered;
    await (await phone.send('alice', 'from the phone')).delivered;
    expect((await take(alice, 1))[0]).toMatchObject({ from: 'bob', device: phone.deviceId });
    const denied = log.mock.calls.filter(([{ type }]) => ['publish-denied', 'subscription-denied'].includes(type));
    expect(denied).toEqual([]);

    await phone.close();
    const again = await Messenger.open({ address: 'bob', ...places, store });
    closing(() => again.close());
    expect(again.status().connection).toBe('connected');
  });

  test('not before somebody has answered its link: until then the broker does not let it in', async () => {
    const { join, showLink, log } = await scene();
    const laptop = await join('bob');
    const arrivals = () => log.mock.calls.filter(([{ type }]) => type === 'connected').length;
    const linking = await showLink('bob');
    expect(arrivals()).toBe(1);
    await laptop.devices.link(linking.link);
    expect(arrivals()).toBe(2);
  });
});

describe('a guest', () => {
  test('is given a token for the control topic of its address, and for as long as it is one', async () => {
    const { directory, clock } = await desk();
    const bob = await registered(directory, 'bob', clock);
    const guest = await newcomer(bob);
    expect(await outcomeOf(request(directory, 'bob', guest))).toBe('403 DIRECTORY_REFUSED');
    expect((await vouch(directory, bob, guest.entry)).status).toBe(204);
    clock.advance(60);
    const answer = (await (await request(directory, 'bob', guest)).json()) as Answer;
    expect(answer).toMatchObject({ expiresIn: 540, username: 'guest:bob' });
    expect(decodeJwt(answer.token)).toMatchObject({
      ...{ sub: 'guest:bob', username: 'guest:bob', device: guest.entry.id },
      acl: [
        { permission: 'allow', action: 'subscribe', topic: 'nes/bob/control' },
        { permission: 'allow', action: 'publish', topic: 'nes/bob/control', retain: false },
        { permission: 'deny', action: 'all', topic: '#' },
      ],
    });
    clock.advance(540);
    expect(await outcomeOf(request(directory, 'bob', guest))).toBe('403 DIRECTORY_REFUSED');
  });

  test('reads and writes nothing else', async () => {
    const directory = await openDirectory();
    const broker = await openGuarded(directory);
    const bob = await register(directory, 'bob');
    const alice = await register(directory, 'alice');
    const guest = await newcomer(bob);
    await vouch(directory, bob, guest.entry);
    const comeIn = async (address: string, who: GuestKeys) => {
      const clientId = randomId();
      const answer = (await (await request(directory, address, who, clientId)).json()) as Answer;
      return connect(broker.mqttUrl as string, { clientId, username: answer.username, password: answer.token });
    };
    const visitor = await comeIn('bob', guest);
    const filters = ['nes/bob/message', 'nes/bob/#', 'nes/+/control', 'nes/alice/control', 'nes/room/r/control', '#'];
    for (const filter of filters) {
      await expect(visitor.subscribeAsync(filter, { qos: 1 }), filter).rejects.toThrow();
    }
    await visitor.subscribeAsync('nes/bob/control', { qos: 1 });
    const host = await comeIn('alice', { keys: alice.device });
    const heard: string[] = [];
    host.on('message', (_topic, payload) => heard.push(payload.toString()));
    await host.subscribeAsync('nes/alice/#', { qos: 1 });
    for (const family of ['message', 'control', 'state/x']) {
      await visitor.publishAsync(`nes/alice/${family}`, 'spam', { qos: 1 });
    }
    await host.publishAsync('nes/alice/message', 'the last', { qos: 1 });
    await vi.waitFor(() => expect(heard).toContain('the last'));
    expect(heard).toEqual(['the last']);
  });

  test('is one by the word of the identity key of that account only', async () => {
    const { directory, clock } = await desk();
    const [bob, mallory] = [await registered(directory, 'bob', clock), await registered(directory, 'mallory', clock)];
    const guest = await newcomer(bob);
    const by = async (key: Account['identityKey'], address: string, other: Partial<{ challenge: Uint8Array }> = {}) => {
      const challenge = await fetchChallenge(directory);
      const voucher = { challenge, address, device: guest.entry, ...other };
      return outcomeOf(postVoucher(directory, await run(signVoucher(provider, key, voucher))));
    };
    expect(await by(mallory.identityKey, 'bob')).toBe('403 DIRECTORY_REFUSED');
    expect(await by(bob.device.signKey, 'bob')).toBe('403 DIRECTORY_REFUSED');
    expect(await by(bob.identityKey, 'nobody')).toBe('404 DIRECTORY_NOT_FOUND');
    expect(await by(bob.identityKey, 'bob', { challenge: new Uint8Array(40) })).toBe('403 DIRECTORY_REFUSED');
    const challenge = await fetchChallenge(directory);
    const voucher = await run(
      signVoucher(provider, bob.identityKey, { challenge, address: 'bob', device: guest.entry }),
    );
    expect(await outcomeOf(postVoucher(directory, voucher))).toBe('204');
    expect(await outcomeOf(postVoucher(directory, voucher))).toBe('403 DIRECTORY_REFUSED');
    expect(await outcomeOf(postVoucher(directory, new Uint8Array(MAX_VOUCHER_BYTES + 1)))).toBe('413 DECODE_TOO_LARGE');
    // It is Bob's guest, not Mallory's; and nobody else is it.
    expect(await outcomeOf(request(directory, 'mallory', guest))).toBe('403 DIRECTORY_REFUSED');
    const thief = { keys: { ...guest.keys, signKey: (await newcomer(bob)).keys.signKey } };
    expect(await outcomeOf(request(directory, 'bob', thief))).toBe('403 DIRECTORY_REFUSED');
    expect(await outcomeOf(request(directory, 'bob', guest))).toBe('200');
  });

  test('has an id and keys of its own: nothing that the record knows, revoked devices least of all', async () => {
    const { directory, clock } = await desk();
    const bob = await registered(directory, 'bob', clock);
    const [own] = bob.record.devices as [DeviceEntry];
    const { entry } = await newcomer(bob);
    for (const device of [own, { ...entry, id: own.id }, { ...own, id: entry.id }]) {
      expect(await outcomeOf(vouch(directory, bob, device)), device.id).toBe('403 DIRECTORY_REFUSED');
    }
  });

  test('ceases to be one when it stands in the record', async () => {
    const { directory, clock } = await desk();
    const bob = await registered(directory, 'bob', clock);
    const guest = await newcomer(bob);
    await vouch(directory, bob, guest.entry);
    const next = await nextOf(bob, bob.record, clock.seconds(), addDevice(guest.entry));
    await publish(directory, next);
    expect(await (await request(directory, 'bob', guest)).json()).toMatchObject({ username: 'bob' });
    const last = await nextOf(bob, next, clock.seconds(), revokeDevice(guest.entry.id, clock.seconds()));
    await publish(directory, last);
    expect(await outcomeOf(request(directory, 'bob', guest))).toBe('403 DIRECTORY_REFUSED');
  });

  test('of one address is one of four at most, the latest', async () => {
    const { directory, clock } = await desk();
    const bob = await registered(directory, 'bob', clock);
    const guests = await Promise.all(Array.from({ length: 5 }, () => newcomer(bob)));
    for (const { entry } of guests) await vouch(directory, bob, entry);
    const outcomes = [];
    for (const guest of guests) outcomes.push(await outcomeOf(request(directory, 'bob', guest)));
    expect(outcomes).toEqual(['403 DIRECTORY_REFUSED', '200', '200', '200', '200']);
  });
});

interface Answer {
  readonly token: string;
  readonly username: string;
  readonly expiresIn: number;
}

/** A directory that admits, a broker that takes its tokens, and messengers that know of neither but their addresses. */
async function scene() {
  const directory = await openDirectory({ admission: true });
  const log = vi.fn();
  const broker = await openGuarded(directory, { log });
  const places = { broker: broker.mqttUrl as string, directory: directory.url, timing };
  const join = async (address: string) => {
    const messenger = await Messenger.open({ address, ...places, store: memoryStore() });
    closing(() => messenger.close());
    await messenger.register();
    return messenger;
  };
  const showLink = async (address: string, options: Partial<LinkDeviceOptions> = {}) => {
    const linking = await Messenger.link({ address, ...places, store: memoryStore(), ...options });
    closing(() => linking.cancel());
    return linking;
  };
  return { places, log, join, showLink };
}

/** A directory that admits, and its time. */
async function desk() {
  const clock = manualClock();
  return { clock, directory: await openDirectory({ clock }) };
}

async function registered(directory: KeyProvider, address: string, clock: ManualClock): Promise<Account> {
  const account = await accountOf(address, clock.seconds());
  await publish(directory, account.record);
  return account;
}

async function publish({ url }: KeyProvider, { address, bytes }: KeyRecord): Promise<void> {
  const answer = await fetch(`${url}/v1/keys/${address}`, { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> });
  if (!answer.ok) throw new TypeError(await answer.text());
}
