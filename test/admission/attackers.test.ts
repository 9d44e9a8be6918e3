import { generateKeyPair, SignJWT } from 'jose';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeCbor } from '../../src/bytes/cbor.js';
import { readPublicKey } from '../../src/cose/key.js';
import { run } from '../../src/crypto/steps.js';
import { notice, verifyStatement } from '../../src/protocol/directory/index.js';
import type { Account } from '../../src/protocol/identity/index.js';
import type { BrokerEvent } from '../../src/server/broker/broker.js';
import type { KeyProvider } from '../../src/server/key-provider/index.js';
import { connect, next, openFolder, resume } from '../broker/clients.js';
import { provider } from '../directory/fixtures.js';
import { ask, credentialsOf, openDirectory, openGuarded, outcomeOf, randomId, register } from './desk.js';

/** A directory, a broker that takes its tokens, Bob with his session, and Mallory, who is registered as well. */
async function scene(options: Parameters<typeof openGuarded>[1] = {}) {
  const directory = await openDirectory();
  const log = vi.fn<(event: BrokerEvent) => void>();
  const { mqttUrl = '' } = await openGuarded(directory, { log, ...options });
  const [bob, mallory] = [await register(directory, 'bob'), await register(directory, 'mallory')];
  const enter = async (account: Account) => {
    const { clientId, ...who } = await credentialsOf(directory, account);
    return resume(mqttUrl, clientId, who);
  };
  return { directory, mqttUrl, log, bob, mallory, enter };
}

type Scene = Awaited<ReturnType<typeof scene>>;

describe('connecting', () => {
  let here: Scene;
  beforeEach(async () => {
    here = await scene();
  });
  const refused = (who: object) => expect(connect(here.mqttUrl, who)).rejects.toMatchObject({ code: 5 });

  it('takes a token, from the client id and under the name that it is for', async () => {
    const { directory, bob, mqttUrl, log } = here;
    const who = await credentialsOf(directory, bob);
    await refused({});
    await refused({ clientId: who.clientId, username: 'bob' });
    await refused({ ...who, password: 'word' });
    await refused({ ...who, password: 'x'.repeat(20_000) });
    await refused({ ...who, username: 'mallory' });
    await refused({ ...who, clientId: 'another' });
    expect(log.mock.calls.map(([{ type }]) => type)).not.toContain('connected');
    expect((await connect(mqttUrl, who)).connected).toBe(true);
  });

  it('refuses a token that has expired, is by another key or directory, for another broker, or signed by nobody', async () => {
    const { directory, bob } = here;
    const { admission } = directory;
    const clientId = randomId();
    const { privateKey } = await generateKeyPair('ES256');
    const kid = admission?.jwks().keys[0]?.kid as string;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'sealmq', aud: 'mqtt', sub: 'bob', username: 'bob', clientid: clientId, exp: now + 600 };
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
    await refused({ clientId, username: 'bob', password: forged });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    await refused({ clientId, username: 'bob', password: `${part({ alg: 'none' })}.${part(claims)}.` });

    const elsewhere = await openDirectory({ admission: { audience: 'another broker' } });
    await refused(await credentialsOf(elsewhere, await register(elsewhere, 'bob')));
    const past = await openDirectory({ admission: { lifetime: -2 } });
    const { mqttUrl = '' } = await openGuarded(past);
    const late = await credentialsOf(past, await register(past, 'bob'));
    await expect(connect(mqttUrl, late)).rejects.toMatchObject({ code: 5 });
    expect((await connect(here.mqttUrl, await credentialsOf(directory, bob))).connected).toBe(true);
  });

  it('lets nobody take over the session of another, although she knows its client id', async () => {
    const { directory, bob, mallory, mqttUrl } = here;
    const who = await credentialsOf(directory, bob);
    const { client } = await resume(mqttUrl, who.clientId, who);
    const lost = vi.fn();
    client.on('close', lost);
    expect(await outcomeOf(ask(directory, mallory, who.clientId))).toBe('409 DIRECTORY_CONFLICT');
    const hers = await credentialsOf(directory, mallory);
    await refused({ ...hers, clientId: who.clientId });
    await refused({ ...hers, clientId: who.clientId, clean: false });
    expect(client.connected).toBe(true);
    expect(lost).not.toHaveBeenCalled();
  });

  it('ends with the token', async () => {
    const directory = await openDirectory({ admission: { lifetime: 1 } });
    const log = vi.fn();
    const { mqttUrl = '' } = await openGuarded(directory, { log });
    const client = await connect(mqttUrl, await credentialsOf(directory, await register(directory, 'bob')));
    await next(client, 'close');
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'connection-expired' }));
  });

  it('works over the published key set as well, for a broker in another process', async () => {
    const { directory, bob } = here;
    const jwks = `${directory.url}/.well-known/jwks.json`;
    const { mqttUrl = '' } = await openGuarded(directory, { jwks });
    expect((await connect(mqttUrl, await credentialsOf(directory, bob))).connected).toBe(true);
    await expect(connect(mqttUrl)).rejects.toMatchObject({ code: 5 });
  });
});

describe('subscribing', () => {
  it('nothing but her own is for Mallory', async () => {
    const { enter, bob, mallory, log } = await scene();
    const spy = await enter(mallory);
    for (const filter of [
      ...['#', '+/#', '+/+/message', 'nes/#', 'nes/+/message', 'nes/+/#', 'nes/+/state/+', 'other/mallory/message'],
      ...['nes/bob/message', 'nes/bob/#', 'nes/bob/control', 'nes/bob/state/+'],
      ...['$SYS/#', '$SYS/+/new/clients', '$share/g/nes/bob/message', '$share/g/nes/mallory/message'],
      ...['nes/relay/hand-in', 'nes/room/+/control', 'nes/room/#', 'nes/room/+/frame/+', 'nes/room/ops/#'],
      ...['nes/room/ops/control/+', 'nes/room/ops/control/abcdefghijklmnop', 'nes/group/+/x', 'nes/group/#'],
    ]) {
      await expect(spy.client.subscribeAsync(filter, { qos: 1 }), filter).rejects.toThrow();
      expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'subscription-denied', filter }));
    }
    const sender = await enter(bob);
    for (const topic of ['nes/bob/message', 'nes/room/ops/control', 'nes/group/g/x'])
      await sender.client.publishAsync(topic, 'text', { qos: 1 });
    await spy.client.subscribeAsync('nes/mallory/message', { qos: 1 });
    await sender.client.publishAsync('nes/mallory/message', 'hers', { qos: 1 });
    await vi.waitFor(() => expect(spy.received).toEqual(['hers']));
  });

  it('everybody reads her own topics, and the rooms and groups that she knows the name of', async () => {
    const { enter, bob } = await scene();
    const { client } = await enter(bob);
    const own = ['message', 'signal', 'control', 'will', 'state/+', 'relay', '#'].map((family) => `nes/bob/${family}`);
    const room = ['control', 'frame/+', 'heartbeat/+', `control/${bob.device.id}`].map(
      (rest) => `nes/room/ops/${rest}`,
    );
    const grants = await client.subscribeAsync([...own, ...room, 'nes/group/g/#', 'nes/group/g/commit'], { qos: 1 });
    expect(grants.map(({ qos }) => qos)).not.toContain(128);
    expect(grants).toHaveLength(own.length + room.length + 2);
  });

  it('a relay reads what is handed in, and nothing else', async () => {
    const { directory, enter, bob, mqttUrl } = await scene();
    const { validFor: _, ...who } = (await directory.admission?.credentialsFor('relay')('relay-1')) ?? {};
    const relay = await resume(mqttUrl, 'relay-1', who);
    await relay.client.subscribeAsync('nes/relay/hand-in', { qos: 1 });
    await expect(relay.client.subscribeAsync('nes/bob/message')).rejects.toThrow();
    const receiver = await enter(bob);
    await receiver.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await receiver.client.publishAsync('nes/relay/hand-in', 'for many', { qos: 1 });
    await vi.waitFor(() => expect(relay.received).toEqual(['for many']));
    await relay.client.publishAsync('nes/bob/message', 'a copy', { qos: 1 });
    await receiver.client.subscribeAsync('nes/bob/relay', { qos: 1 });
    await relay.client.publishAsync('nes/bob/relay', 'an answer', { qos: 1 });
    await vi.waitFor(() => expect(receiver.received).toEqual(['a copy', 'an answer']));
  });
});

describe('publishing', () => {
  it('what is not for her is acknowledged and reaches nobody', async () => {
    const { enter, bob, mallory, log } = await scene();
    const receiver = await enter(bob);
    const filters = ['message', 'control', 'will', 'state/+'].map((family) => `nes/bob/${family}`);
    const rooms = ['control', 'frame/+', 'heartbeat/+'].map((rest) => `nes/room/ops/${rest}`);
    await receiver.client.subscribeAsync([...filters, ...rooms], { qos: 1 });
    const { client } = await enter(mallory);
    const interrupted = vi.fn();
    client.on('close', interrupted);
    const retained = ['nes/bob/message', 'nes/bob/control', 'nes/bob/will', 'nes/room/ops/control'];
    const stray = [
      'nes/bob/other',
      'nes/bob/state',
      'nes/BOB/message',
      'nes/bob/relay',
      'other/bob/message',
      '$SYS/forged',
    ];
    const nobodys = ['nes/room/message', 'nes/relay/message', 'nes/room/ops/frame/abcdefghijklmnop'];
    for (const topic of [...retained, ...stray, ...nobodys, 'nes/room/ops/heartbeat/abcdefghijklmnop']) {
      await client.publishAsync(topic, 'denied', { qos: 1, retain: retained.includes(topic) });
      expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'publish-denied', topic }));
    }
    await client.publishAsync('nes/bob/message', 'allowed', { qos: 1 });
    await vi.waitFor(() => expect(receiver.received).toEqual(['allowed']));
    expect(interrupted).not.toHaveBeenCalled();
  });

  it('a state is retained for whom it is for', async () => {
    const { enter, bob, mallory } = await scene();
    const writer = await enter(mallory);
    await writer.client.publishAsync('nes/bob/state/tag', 'state', { qos: 1, retain: true });
    const reader = await enter(bob);
    await reader.client.subscribeAsync('nes/bob/state/+', { qos: 1 });
    await vi.waitFor(() => expect(reader.received).toEqual(['state']));
  });

  it.each([
    ['nes/bob/other', false],
    ['nes/bob/message', true],
    ['$SYS/forged', false],
    ['nes/nobody/will', false],
  ])('a will on %s, retained %s, is left out from the start', async (topic, retain) => {
    const data = await openFolder();
    const { directory, mallory, bob, mqttUrl, enter, log } = await scene({ data });
    const receiver = await enter(bob);
    await receiver.client.subscribeAsync(['nes/bob/message', 'nes/bob/will'], { qos: 1 });
    const will = { topic, payload: Buffer.from('gone'), qos: 1, retain } as const;
    const mortal = await connect(mqttUrl, { ...(await credentialsOf(directory, mallory)), will });
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'publish-denied', topic }));
    mortal.stream.destroy();
    const proper = { ...will, topic: 'nes/bob/will', retain: false };
    const second = await connect(mqttUrl, { ...(await credentialsOf(directory, mallory)), will: proper });
    second.stream.destroy();
    await vi.waitFor(() => expect(receiver.received).toEqual(['gone']));
  });
});

describe('a message to an address that is not registered', () => {
  /** What the directory said on Mallory's control topic. */
  async function heard({ directoryKey }: KeyProvider, bytes: Uint8Array) {
    const key = readPublicKey(decodeCbor(directoryKey.publicKey));
    return run(verifyStatement(provider, [key], notice, bytes));
  }

  it('is acknowledged, dropped, and its sender told by a signed word', async () => {
    const { directory, mallory, enter } = await scene();
    const { client } = await enter(mallory);
    const told: Uint8Array[] = [];
    const interrupted = vi.fn();
    client.on('message', (_topic, payload) => told.push(new Uint8Array(payload)));
    client.on('close', interrupted);
    await client.subscribeAsync('nes/mallory/control', { qos: 1 });
    await client.publishAsync('nes/nobody/message', 'hello?', { qos: 1 });
    await vi.waitFor(() => expect(told).toHaveLength(1));
    const said = await heard(directory, told[0] as Uint8Array);
    expect(said).toMatchObject({ address: 'mallory', unregistered: 'nobody' });
    expect(said.message).toEqual(await provider.sha256(Buffer.from('hello?')));
    expect(interrupted).not.toHaveBeenCalled();

    const nobody = await enter(await register(directory, 'nobody'));
    await nobody.client.subscribeAsync('nes/nobody/message', { qos: 1 });
    await client.publishAsync('nes/nobody/message', 'now?', { qos: 1 });
    await vi.waitFor(() => expect(nobody.received).toEqual(['now?']));
    expect(told).toHaveLength(1);
  });

  it('waits for a sender that is away, and is not told of for ever', async () => {
    const { directory, mallory, enter, mqttUrl } = await scene();
    const who = await credentialsOf(directory, mallory);
    const first = await resume(mqttUrl, who.clientId, who);
    await first.client.subscribeAsync('nes/mallory/control', { qos: 1 });
    await first.client.endAsync();
    const other = await enter(mallory);
    for (let i = 0; i < 150; i++) await other.client.publishAsync('nes/nobody/message', String(i), { qos: 1 });
    const back = await resume(mqttUrl, who.clientId, who);
    await back.client.publishAsync('nes/mallory/control', 'last', { qos: 1 });
    await vi.waitFor(() => expect(back.received.at(-1)).toBe('last'));
    expect(back.received.length).toBeGreaterThan(99);
    expect(back.received.length).toBeLessThan(130);
  });
});
