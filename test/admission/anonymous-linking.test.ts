import { decodeJwt } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { Messenger } from '../../src/client/messenger.js';
import { run } from '../../src/crypto/steps.js';
import { signTokenRequest } from '../../src/protocol/directory/index.js';
import { addDevice } from '../../src/protocol/identity/index.js';
import { type InfoOk, infoOk } from '../../src/protocol/registration/info-ok.js';
import { openDirectoryKeys } from '../../src/server/key-provider/directory-keys.js';
import { lasting } from '../client/linking.js';
import { closing, next, take } from '../client/world.js';
import { accountOf, lastingStore, manualClock, nextOf, provider } from '../directory/fixtures.js';
import { outgoing } from '../registration/service.js';
import {
  askAsGuest,
  fetchChallenge,
  newcomer,
  openDirectory,
  openGuarded,
  outcomeOf,
  post,
  randomId,
  vouch,
} from './desk.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };

test('a device of an anonymous account is linked over a broker that admits by token, and is let in by itself afterwards', async () => {
  const mail = outgoing();
  const clock = manualClock(Math.floor(Date.now() / 1000));
  const directory = await openDirectory({ clock, registration: { mode: 'anonymous', email: mail } });
  const log = vi.fn();
  const broker = await openGuarded(directory, { log });
  const places = { broker: broker.mqttUrl as string, directory: directory.url, clock, timing };
  const join = async (userId: string) => {
    const email = `${userId}@example.org`;
    const messenger = await Messenger.open({ ...places, store: lasting(), anonymous: { userId, email } });
    closing(() => messenger.close());
    await messenger.register({ email, code: () => mail.codes.at(-1) as string });
    return messenger;
  };
  const [alice, laptop] = [await join('alice'), await join('bob')];
  await alice.contacts.add((await laptop.contactCard()).link);
  await laptop.contacts.add((await alice.contactCard()).link);

  const { address } = laptop;
  const { link: card } = await laptop.contactCard();
  const store = lasting();
  const linking = await Messenger.link({ ...places, address, card, store });
  closing(() => linking.cancel());
  const request = await laptop.devices.link(linking.link);
  expect(await linking.digits).toBe(request.digits);
  const told = next(alice, 'devicesChanged');
  await request.confirm();
  const phone = await linking.linked;
  expect(phone.status().connection).toBe('connected');
  expect(phone.registration).toEqual(laptop.registration);
  await told;
  const received = [take(phone, 1), take(laptop, 1)];
  await alice.send(address, 'to both');
  for (const [message] of await Promise.all(received)) expect(message?.text).toBe('to both');
  await phone.close();

  const again = await Messenger.open({ ...places, address, store });
  expect(again.status().connection).toBe('connected');
  const heard = take(alice, 1);
  await (await again.send(alice.address, 'from the phone')).delivered;
  expect((await heard)[0]).toMatchObject({ from: address, device: phone.deviceId, text: 'from the phone' });
  const denied = log.mock.calls.filter(([{ type }]) => ['publish-denied', 'subscription-denied'].includes(type));
  expect(denied).toEqual([]);
  // Registering stays with the device that has made the address.
  const registering = again.register({ email: 'bob@example.org', code: () => '000000' });
  await expect(registering).rejects.toMatchObject({ code: 'USAGE_NO_IDENTITY_KEY' });
  await again.close();

  // The phone renews its own copy: by now half of its life is over, and the laptop is not asked.
  await laptop.close();
  const before = (phone.registration?.expiresAt ?? new Date(0)).getTime();
  clock.advance(((before - clock.now()) / 1000) * 0.6);
  const later = await Messenger.open({ ...places, address, store });
  closing(() => later.close());
  expect(later.status().connection).toBe('connected');
  await vi.waitFor(() => expect(later.registration?.expiresAt.getTime()).toBeGreaterThan(before));
});

describe('a guest of an anonymous address', () => {
  test('is one by an Info OK and a record that prove whose address it is', async () => {
    const { directory, hidden, proof, sign, said, now } = await desk();
    const guest = await newcomer(hidden);
    const outcomeWith = (other: object) => outcomeOf(vouch(directory, hidden, guest.entry, other));
    const other = await accountOf(`~${'b'.repeat(52)}`, now);
    const others = { address: other.record.address, identity: other.record.identity };
    expect(await outcomeWith({})).toBe('404 DIRECTORY_NOT_FOUND');
    for (const wrong of [
      { infoOk: await sign(others) },
      { infoOk: await sign(others), record: other.record.bytes },
      { infoOk: await sign({ identity: other.record.identity }) },
      { infoOk: await sign({ expiresAt: said.issuedAt - 1 }) },
      { record: other.record.bytes },
      { address: other.record.address },
    ]) {
      expect(await outcomeWith({ ...proof, ...wrong })).toBe('403 DIRECTORY_REFUSED');
    }
    // Somebody else's identity key, with what anybody may know of the account.
    const stolen = vouch(directory, other, guest.entry, { ...proof, address: hidden.record.address });
    expect(await outcomeOf(stolen)).toBe('403 DIRECTORY_REFUSED');
    expect(await outcomeOf(askAsGuest(directory, hidden.record.address, guest))).toBe('404 DIRECTORY_NOT_FOUND');
    expect(await outcomeWith(proof)).toBe('204');
  });

  test('shows nothing to get its token, and ceases to be one with the record that has it', async () => {
    const { directory, hidden, proof, now } = await desk();
    const { address } = hidden.record;
    const guest = await newcomer(hidden);
    expect((await vouch(directory, hidden, guest.entry, proof)).status).toBe(204);
    const { token } = (await (await askAsGuest(directory, address, guest)).json()) as { token: string };
    expect(decodeJwt(token)).toMatchObject({ sub: `guest:${address}`, device: guest.entry.id });
    const thief = { keys: { ...guest.keys, signKey: (await newcomer(hidden)).keys.signKey } };
    expect(await outcomeOf(askAsGuest(directory, address, thief))).toBe('404 DIRECTORY_NOT_FOUND');

    const { bytes } = await nextOf(hidden, hidden.record, now, addDevice(guest.entry));
    const challenge = await fetchChallenge(directory);
    const request = { challenge, address, clientId: randomId(), ...proof, record: bytes };
    const answer = await post(directory, await run(signTokenRequest(provider, guest.keys.signKey, request)));
    expect(await answer.json()).toMatchObject({ username: address });
  });
});

/** A directory that admits, an anonymous account, and the directory's word on it, of which parts can be others. */
async function desk() {
  const store = lastingStore();
  const directory = await openDirectory({ store });
  const now = Math.floor(Date.now() / 1000);
  const hidden = await accountOf(`~${'a'.repeat(52)}`, now);
  const { address, identity } = hidden.record;
  const said: InfoOk = { address, identity, issuedAt: now, expiresAt: now + 60 };
  const keys = await openDirectoryKeys(store, provider, () => now);
  const sign = (other: Partial<InfoOk> = {}) => keys.sign(infoOk, { ...said, ...other });
  return { directory, hidden, now, said, sign, proof: { infoOk: await sign(), record: hidden.record.bytes } };
}
