import { describe, expect, it, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { run } from '../../src/crypto/steps.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { stateTag } from '../../src/protocol/envelope/state-tag.js';
import { type Account, activeSealKeys, createAccount } from '../../src/protocol/identity/index.js';
import { onMosquitto, startMosquitto } from '../mqtt/brokers.js';
import { liar, now, provider, publish } from './liar.js';
import { closing, createWorld, next, until, type World } from './world.js';

/** Asks the directory again without delay when a new device writes. */
const eager = { keyCache: { cooldown: 10 }, quarantine: { retryAfter: 20 } };
const lasting = () => ({ ...memoryStore(), close: async () => {} });
const valuesOf = async (messenger: Messenger) => (await messenger.states()).map((state) => state.json());

/** What somebody finds who subscribes to everything under Bob's states now: what the broker retains. */
async function retained(world: World): Promise<{ topic: string; bytes: Uint8Array }[]> {
  const found: { topic: string; bytes: Uint8Array }[] = [];
  const client = await world.client();
  client.on('message', (topic, payload) => found.push({ topic, bytes: new Uint8Array(payload) }));
  await client.subscribeAsync('nes/bob/state/+', { qos: 1 });
  // What is retained comes before what is published after the subscription.
  await publish(world, 'nes/bob/state/end', new Uint8Array([1]));
  await until(() => found.find(({ topic }) => topic.endsWith('/end')));
  await client.endAsync();
  return found.filter(({ topic }) => !topic.endsWith('/end'));
}

describe('a state', () => {
  const story = async (world: World, brokerUrl: string) => {
    const store = lasting();
    const options: Partial<MessengerOptions> = { broker: brokerUrl };
    const [alice, bob] = [await world.join('alice', options), await world.join('bob', { ...options, store })];
    await bob.close();
    const channels = { presence: { at: 'home' }, temperature: { celsius: 21 } };
    for (const [channel, value] of Object.entries(channels)) {
      await (await alice.setState(channel, value, { to: 'bob' })).published;
    }
    // Alice is away when Bob comes.
    await alice.close();
    const later = await world.open('bob', { ...options, store });
    await until(async () => ((await later.states()).length === 2 ? true : undefined));
    const [presence] = await later.states({ from: 'alice', channel: 'presence' });
    expect(presence).toMatchObject({
      family: 'state',
      from: 'alice',
      channel: 'presence',
      contentType: 'application/json',
    });
    expect(presence?.json()).toEqual({ at: 'home' });
    expect(await later.states({ from: 'carol' })).toEqual([]);
  };

  it('waits at the broker for who comes later, one for each channel', async () => {
    const world = await createWorld();
    await story(world, world.brokerUrl);
  });

  onMosquitto('does so on Mosquitto', async () => {
    const world = await createWorld();
    const mosquitto = await startMosquitto();
    closing(() => mosquitto.close());
    await story(world, `mqtt://127.0.0.1:${mosquitto.port}`);
  });
});

test('a newer state takes the place of the older, over restarts of both, until it is cleared', async () => {
  const world = await createWorld();
  const [aliceStore, bobStore] = [lasting(), lasting()];
  const bob = await world.join('bob', { store: bobStore });
  const alice = await world.join('alice', { store: aliceStore });
  for (const at of ['home', 'work']) {
    const told = next(bob, 'state');
    await alice.setState('presence', at, { to: 'bob' });
    expect((await told).text).toBe(at);
  }
  await bob.close();
  await alice.close();

  const rejections: unknown[] = [];
  const bobAgain = await world.open('bob', { store: bobStore, connect: 'background' });
  bobAgain.on('rejected', (event) => rejections.push(event));
  bobAgain.on('state', (event) => rejections.push(event));
  expect((await bobAgain.states()).map(({ text }) => text)).toEqual(['work']);
  await until(() => bobAgain.status().connection === 'connected' || undefined);

  const aliceAgain = await world.open('alice', { store: aliceStore });
  const cleared = next(bobAgain, 'stateCleared');
  await (await aliceAgain.clearState('presence', { to: 'bob' })).published;
  expect(await cleared).toEqual({ from: 'alice', device: aliceAgain.deviceId, channel: 'presence' });
  expect(await bobAgain.states()).toEqual([]);
  // The copy that the broker retained came again, and was not worth a word.
  expect(rejections).toEqual([]);
});

test('a state that is set without a connection goes out when there is one, and only the last', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const store = lasting();
  const alice = await world.join('alice', { store });
  await alice.close();
  const offline = await world.open('alice', { store, broker: 'mqtt://127.0.0.1:1', connect: 'background' });
  const first = await offline.setState('presence', 'one', { to: 'bob' });
  await offline.setState('presence', 'two', { to: 'bob' });
  await offline.close();
  await expect(first.published).rejects.toMatchObject({ code: 'USAGE_CLOSED' });

  const told = next(bob, 'state');
  await world.open('alice', { store });
  expect((await told).text).toBe('two');
  expect((await retained(world)).length).toBe(1);
});

test('an old copy that is put back does nothing, whatever the broker does', async () => {
  const world = await createWorld();
  const store = lasting();
  const bob = await world.join('bob', { store });
  const alice = await world.join('alice');
  await (await alice.setState('presence', 'old', { to: 'bob' })).published;
  const [old] = await retained(world);
  const newer = next(bob, 'state', ({ text }) => text === 'new');
  await alice.setState('presence', 'new', { to: 'bob' });
  await newer;
  const rejected = next(bob, 'rejected');
  await publish(world, old?.topic as string, old?.bytes as Uint8Array, { retain: true });
  expect(await rejected).toEqual({ reason: 'rolled-back', from: 'alice' });
  await bob.close();

  // Nor does it after a restart, when the broker has nothing but the old copy.
  const again = await world.open('bob', { store, connect: 'background' });
  expect(await next(again, 'rejected')).toEqual({ reason: 'rolled-back', from: 'alice' });
  expect((await again.states()).map(({ text }) => text)).toEqual(['new']);
});

test('a state under the tag of another is refused, and a tag tells nothing to who cannot read', async () => {
  const world = await createWorld();
  const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
  await (await alice.setState('presence', 'x', { to: 'bob' })).published;
  await (await alice.setState('presence', 'x', { to: 'carol' })).published;
  const [state] = await retained(world);
  const tag = state?.topic.split('/').at(-1) as string;
  expect(tag).toMatch(/^[A-Za-z0-9_-]{22}$/);
  const forCarol = await world.overhear(`nes/carol/state/${tag}`);
  expect(await Promise.race([forCarol.bytes, new Promise((resolve) => setTimeout(resolve, 50))])).toBeUndefined();
  const rejected = next(bob, 'rejected');
  await publish(world, 'nes/bob/state/elsewhere', state?.bytes as Uint8Array);
  expect(await rejected).toMatchObject({ reason: 'unverifiable', from: 'alice' });
  expect(await carol.states()).toHaveLength(1);
});

test('a device that is added later is told that it cannot read, and is given the state when its owner learns of it', async () => {
  const world = await createWorld();
  const phone = await world.join('bob', eager);
  const store = lasting();
  const alice = await world.join('alice', { ...eager, store });
  await (await alice.setState('presence', { at: 'home' }, { to: 'bob' })).published;
  await until(async () => ((await phone.states()).length === 1 ? true : undefined));
  await alice.close();

  const identity = { file: await phone.exportIdentity('secret'), passphrase: 'secret' };
  const tablet = await world.open('bob', { identity, connect: 'background' });
  expect(await next(tablet, 'rejected')).toEqual({ reason: 'state-for-other-devices' });
  expect(await tablet.states()).toEqual([]);
  await tablet.register();

  const events: unknown[] = [];
  phone.on('state', (event) => events.push(event));
  phone.on('rejected', (event) => events.push(event));
  const given = next(tablet, 'state');
  await world.open('alice', { ...eager, store });
  expect((await given).json()).toEqual({ at: 'home' });
  expect(await valuesOf(tablet)).toEqual([{ at: 'home' }]);
  // The phone has it already: same version, same id.
  expect(events).toEqual([]);
});

test('an owner who is there seals the state anew when she hears of the new device', async () => {
  const world = await createWorld();
  const phone = await world.join('bob', eager);
  const alice = await world.join('alice', eager);
  await (await alice.setState('presence', { at: 'home' }, { to: 'bob' })).published;
  await until(async () => ((await phone.states()).length === 1 ? true : undefined));
  const identity = { file: await phone.exportIdentity('secret'), passphrase: 'secret' };
  const tablet = await world.open('bob', { identity });
  const given = next(tablet, 'state');
  await tablet.register();
  expect((await given).json()).toEqual({ at: 'home' });
});

test('a state is not sealed to a new identity by itself', async () => {
  const world = await createWorld();
  const directory = await staticDirectory({ provider, maxAge: 1 });
  const records = new Map<string, Uint8Array>();
  const lying: KeyDirectory = {
    ...directory,
    lookup: async (address, hash) => {
      const other = records.get(address);
      return other ? { kind: 'record', record: other, maxAge: 1 } : directory.lookup(address, hash);
    },
  };
  await world.join('bob', { directory });
  const store = lasting();
  const alice = await world.join('alice', { directory: lying, store });
  await (await alice.setState('presence', 'for the real one', { to: 'bob' })).published;
  await alice.close();

  const impostor = await run(createAccount(provider, { address: 'bob', now: now() }));
  records.set('bob', impostor.record.bytes);
  const keyCache = { staleWhileRevalidate: 0, cooldown: 0 };
  const options = { directory: lying, store, keyCache, onKeyChange: 'accept' as const };
  const misled = await world.open('alice', { ...options, connect: 'background' });
  const changed = next(misled, 'keyChanged');
  await until(async () => {
    await misled.send('bob', 'to whom?');
    return Promise.race([changed, new Promise<undefined>((resolve) => setTimeout(resolve, 50))]);
  });
  await misled.close();

  // This broker knows nothing, so all states are due; only what is set again is for the new identity.
  const other = await createWorld();
  const again = await world.open('alice', { ...options, broker: other.brokerUrl });
  await (await again.setState('channel', 'for whoever that is', { to: 'bob' })).published;
  expect(await retained(other)).toHaveLength(1);
});

test('a state that has expired holds no longer', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const alice = await world.join('alice');
  const told = next(bob, 'state');
  await alice.setState('presence', 'here for a moment', { to: 'bob', expiresIn: 1 });
  await told;
  await until(async () => ((await bob.states()).length === 0 ? true : undefined));
});

test('a broker that has forgotten the session is given the states again', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const store = lasting();
  const alice = await world.join('alice', { store });
  await (await alice.setState('presence', 'here', { to: 'bob' })).published;
  await until(async () => ((await bob.states()).length === 1 ? true : undefined));
  await alice.close();
  const other = await createWorld();
  await world.open('alice', { store, broker: other.brokerUrl });
  await until(async () => ((await retained(other)).length === 1 ? true : undefined));
});

describe('hostile states', () => {
  const key = new Uint8Array(32).fill(7);
  const stateOf = async (mallory: Account, bob: Messenger, changes: object) => {
    const tag = await run(stateTag(provider, key, mallory.device.id, 'x'));
    const draft = {
      ...{ from: 'mallory', audience: 'bob', family: 'state' as const, channel: 'x', version: 5, tagKey: key },
      ...{ issuedAt: now(), contentType: 'text/plain', payload: new TextEncoder().encode('hm'), ...changes },
    };
    const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
    return { topic: `nes/bob/state/${tag}`, sealed: await seal(provider, draft, keys) };
  };

  it.each([
    ['no version', { version: undefined }, 'unnumbered'],
    ['no channel', { channel: undefined }, 'unnumbered'],
    ['no key of the tag', { tagKey: undefined }, 'unnumbered'],
    ['the key of another tag', { tagKey: new Uint8Array(32) }, 'unverifiable'],
    ['another channel', { channel: 'y' }, 'unverifiable'],
    ['an end in the past', { expiresAt: 1 }, 'expired'],
    ['another family', { family: 'message' }, 'unverifiable'],
  ])('with %s are refused', async (_, changes, reason) => {
    const world = await createWorld();
    const [bob, mallory] = [await world.join('bob'), await liar(world, 'mallory')];
    const defined = Object.fromEntries(Object.entries(changes));
    const { topic, sealed } = await stateOf(mallory, bob, defined);
    const rejected = next(bob, 'rejected');
    await publish(world, topic, sealed);
    expect(await rejected).toMatchObject({ reason });
    expect(await bob.states()).toEqual([]);
  });

  it('one version with two contents is the first of them', async () => {
    const world = await createWorld();
    const [bob, mallory] = [await world.join('bob'), await liar(world, 'mallory')];
    const first = await stateOf(mallory, bob, {});
    const told = next(bob, 'state');
    await publish(world, first.topic, first.sealed);
    await told;
    const other = await stateOf(mallory, bob, { payload: new Uint8Array([1]) });
    const rejected = next(bob, 'rejected');
    await publish(world, other.topic, other.sealed);
    expect(await rejected).toEqual({ reason: 'rolled-back', from: 'mallory' });
    expect((await bob.states()).map(({ text }) => text)).toEqual(['hm']);
  });
});
