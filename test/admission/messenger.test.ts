import { expect, test, vi } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { createRelay } from '../../src/server/relay/relay.js';
import { closing, next, take } from '../client/world.js';
import { outgoing } from '../registration/service.js';
import { openDirectory, openGuarded } from './desk.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

/** A directory that admits, a broker that takes its tokens, and messengers that know of neither but their addresses. */
async function scene({ lifetime = 900 } = {}, rules: Parameters<typeof openGuarded>[1] = {}) {
  const directory = await openDirectory({ admission: { lifetime } });
  const broker = await openGuarded(directory, rules);
  const open = async (address: string, options: Partial<MessengerOptions> = {}) => {
    const places = { broker: broker.mqttUrl as string, directory: directory.url };
    const messenger = await Messenger.open({ address, ...places, store: memoryStore(), timing, ...options });
    closing(() => messenger.close());
    return messenger;
  };
  const join = async (address: string, options: Partial<MessengerOptions> = {}) => {
    const messenger = await open(address, options);
    await messenger.register();
    return messenger;
  };
  return { directory, broker, open, join };
}

test('a messenger gets its tokens by itself, from the moment that it is registered', async () => {
  const { open, join } = await scene();
  const bob = await open('bob');
  expect(bob.status().connection).not.toBe('connected');
  await bob.register();
  expect(bob.status().connection).toBe('connected');
  const alice = await join('alice');
  const sent = await alice.send('bob', 'Hello Bob!');
  expect((await take(bob, 1))[0]?.text).toBe('Hello Bob!');
  await sent.delivered;
});

test('a token is renewed before it runs out, with the session kept and what was sent meanwhile', async () => {
  const log = vi.fn();
  const { join } = await scene({ lifetime: 3 }, { log });
  const [alice, bob] = [await join('alice'), await join('bob')];
  const states: string[] = [];
  bob.on('connection', ({ state, cause, sessionPresent }) => states.push([state, cause ?? sessionPresent].join(' ')));
  const received = take(bob, 40);
  for (let i = 0; i < 40; i++) {
    await alice.send('bob', String(i));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect((await received).map(({ text }) => text)).toEqual(Array.from({ length: 40 }, (_, i) => String(i)));
  expect(states.slice(0, 3)).toEqual(['disconnected renewal', 'connecting ', 'connected true']);
  expect(log).not.toHaveBeenCalledWith(expect.objectContaining({ type: 'connection-expired' }));
});

test('mail waits for a messenger that is away, whose next token is another one', async () => {
  const { open, join } = await scene();
  const store = lasting();
  const [alice, bob] = [await join('alice'), await join('bob', { store })];
  await bob.close();
  const sent = await alice.send('bob', 'while you were away');
  await sent.published;
  expect((await take(await open('bob', { store }), 1))[0]?.text).toBe('while you were away');
});

test('a broker that has forgotten the keys is shown a new token', async () => {
  const { directory, broker, join } = await scene();
  const alice = await join('alice');
  const port = Number(new URL(broker.mqttUrl as string).port);
  await directory.admission?.rotateTokenKey({ overlap: 0 });
  const [, kid] = directory.admission?.jwks().keys ?? [];
  const refused = next(alice, 'connection', ({ cause }) => cause === 'refused');
  await broker.close();
  await openGuarded(directory, { mqtt: port, jwks: () => ({ keys: kid ? [kid] : [] }) });
  await refused;
  await next(alice, 'connection', ({ state }) => state === 'connected');
});

test('a revoked device is let in no more', async () => {
  const { directory, open, join } = await scene();
  const [first, second] = [lasting(), lasting()];
  const alice = await join('alice', { store: first });
  const file = await alice.exportIdentity('a passphrase');
  const phone = await join('alice', { store: second, identity: { file, passphrase: 'a passphrase' } });
  const { deviceId } = alice;
  await alice.close();
  await phone.devices.revoke(deviceId);
  await expect(open('alice', { store: first })).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
  expect(directory.admission).toBeDefined();
});

test('everything that messengers use is open to them: states, wills, rooms, requests', async () => {
  const log = vi.fn();
  const { join } = await scene({}, { log });
  const bob = await join('bob');
  const alice = await join('alice', { will: { to: 'bob', payload: 'gone' } });
  bob.respond(({ text }) => `you said ${text}`);
  expect((await alice.request('bob', 'something')).text).toBe('you said something');
  await (await alice.setState('presence', 'here', { to: 'bob' })).published;
  await vi.waitFor(async () => expect((await bob.states()).map(({ text }) => text)).toEqual(['here']));
  const admit = ['alice', 'bob'];
  const [hers, his] = [await alice.joinRoom('ops', { admit }), await bob.joinRoom('ops', { admit })];
  const frame = his.frames().next();
  await vi.waitFor(() => expect(hers.members.some(({ ready }) => ready)).toBe(true));
  await hers.send(Uint8Array.of(1, 2, 3));
  expect((await frame).value?.bytes).toEqual(Uint8Array.of(1, 2, 3));
  const denials = log.mock.calls
    .map(([{ type }]) => type)
    .filter((type) => /denied/.test(type) && type !== 'connection-denied');
  expect(denials).toEqual([]);
});

test('a message to nobody is given up: the sender hears it, once, and sends it no more', async () => {
  const registered = async (address: string) => address !== 'ghost';
  const { join } = await scene({}, { registered });
  const [alice, ghost] = [await join('alice'), await join('ghost')];
  const [published, undeliverable] = [vi.fn(), vi.fn()];
  alice.on('undeliverable', undeliverable);
  const sent = await alice.send('ghost', 'anybody there?');
  sent.published.then(published);
  await expect(sent.delivered).rejects.toMatchObject({ code: 'TRANSPORT_UNREGISTERED' });
  expect(published).toHaveBeenCalledOnce();
  expect(undeliverable).toHaveBeenCalledWith(expect.objectContaining({ to: 'ghost', id: sent.id }));
  // Of those that travelled together each is named.
  const together = await Promise.all(['one', 'two'].map((text) => alice.send('ghost', text)));
  await Promise.allSettled(together.map(({ delivered }) => delivered));
  expect(undeliverable.mock.calls.map(([{ id }]) => id)).toEqual([sent, ...together].map(({ id }) => id));
  expect(alice.status()).toMatchObject({ outbox: 0, unreceipted: 0, connection: 'connected' });
  expect(ghost.address).toBe('ghost');
});

test('an anonymous address is let in like a named one: it shows its Info OK and its record', async () => {
  const mail = outgoing();
  const registration = { mode: 'anonymous', email: mail } as const;
  const directory = await openDirectory({ registration });
  const log = vi.fn();
  const broker = await openGuarded(directory, { log });
  const join = async (userId: string) => {
    const email = `${userId}@example.org`;
    const places = { broker: broker.mqttUrl as string, directory: directory.url, store: memoryStore(), timing };
    const messenger = await Messenger.open({ ...places, anonymous: { userId, email } });
    closing(() => messenger.close());
    expect(messenger.status().connection).not.toBe('connected');
    await messenger.register({ email, code: () => mail.codes.at(-1) as string });
    expect(messenger.status().connection).toBe('connected');
    return messenger;
  };
  const [alice, bob] = [await join('alice'), await join('bob')];
  await alice.contacts.add((await bob.contactCard()).link);
  await bob.contacts.add((await alice.contactCard()).link);
  const sent = await alice.send(bob.address, 'nobody knows who we are');
  expect((await take(bob, 1))[0]?.from).toBe(alice.address);
  await sent.delivered;
  expect(log).not.toHaveBeenCalledWith(expect.objectContaining({ type: 'publish-denied' }));
});

test('a relay comes in by a token of the operator, and what is handed in arrives', async () => {
  const log = vi.fn();
  const { directory, broker, join } = await scene({}, { log });
  const credentials = directory.admission?.credentialsFor('relay');
  const places = { broker: broker.mqttUrl as string, directory: directory.url, registered: directory.registered };
  const relay = await createRelay({ ...places, ...(credentials && { credentials }) });
  closing(() => relay.close());
  await directory.publishRelay(relay.record);
  const [alice, bob, carol] = [await join('alice'), await join('bob'), await join('carol')];
  const sent = await alice.send(['bob', 'carol'], 'to both');
  for (const messenger of [bob, carol]) expect((await take(messenger, 1))[0]?.text).toBe('to both');
  expect((await sent.outcomes).map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
  await Promise.all(sent.each.map(({ delivered }) => delivered));
  const denied = log.mock.calls.filter(([{ type }]) => type === 'publish-denied' || type === 'subscription-denied');
  expect(denied).toEqual([]);
});
