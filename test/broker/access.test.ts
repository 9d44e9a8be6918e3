import { describe, expect, it, vi } from 'vitest';
import type { BrokerOptions } from '../../src/server/broker/broker.js';
import { connect, next, openBroker, openFolder, resume } from './clients.js';

/** Everybody reads her own address only, writes to any but `nes/closed/…`, and Mallory does not come in. */
const rules: BrokerOptions = {
  authenticate: ({ username, password }) => username !== 'mallory' && Buffer.from(password ?? '').toString() === 'word',
  authorizePublish: (_client, topic) => !topic.startsWith('nes/closed/'),
  authorizeSubscribe: ({ username }, filter) => filter.startsWith(`nes/${username}/`),
};

/** The same, answered later. */
const lateRules: BrokerOptions = {
  authenticate: async (credentials) => rules.authenticate?.(credentials) ?? false,
  authorizePublish: async (client, topic, message) => rules.authorizePublish?.(client, topic, message) ?? false,
  authorizeSubscribe: async (client, filter) => rules.authorizeSubscribe?.(client, filter) ?? false,
};

const bob = { username: 'bob', password: 'word' };

describe.each([
  ['at once', rules],
  ['later', lateRules],
])('access rules that answer %s', (_when, access) => {
  it('keep out who may not connect', async () => {
    const log = vi.fn();
    const { mqttUrl = '' } = await openBroker({ ...access, log });
    await expect(connect(mqttUrl, { username: 'mallory', password: 'word' })).rejects.toMatchObject({ code: 5 });
    await expect(connect(mqttUrl, { username: 'bob', password: 'no' })).rejects.toMatchObject({ code: 5 });
    await expect(connect(mqttUrl)).rejects.toMatchObject({ code: 5 });
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'connection-denied' }));
    expect((await connect(mqttUrl, bob)).connected).toBe(true);
  });

  it.each([0, 1, 2] as const)('swallow a denied message of QoS %i and keep the connection', async (qos) => {
    const log = vi.fn();
    const { mqttUrl = '' } = await openBroker({ ...access, authorizeSubscribe: () => true, log });
    const everything = await resume(mqttUrl, 'all', bob);
    await everything.client.subscribeAsync('#', { qos: 1 });
    const sender = await connect(mqttUrl, bob);
    const interrupted = vi.fn();
    sender.on('close', interrupted);
    await sender.publishAsync('nes/closed/message', 'denied', { qos, retain: true });
    await sender.publishAsync('nes/bob/message', 'allowed', { qos });
    await vi.waitFor(() => expect(everything.received).toEqual(['allowed']));
    expect(interrupted).not.toHaveBeenCalled();
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'publish-denied', topic: 'nes/closed/message' }));
    const late = await resume(mqttUrl, 'late', bob);
    await late.client.subscribeAsync('#', { qos: 1 });
    await sender.publishAsync('nes/bob/message', 'last', { qos });
    await vi.waitFor(() => expect(late.received).toEqual(['last']));
  });

  it('swallow a denied will', async () => {
    const log = vi.fn();
    const { mqttUrl = '' } = await openBroker({ ...access, log });
    const will = { topic: 'nes/closed/will', payload: Buffer.from('gone'), qos: 1, retain: true } as const;
    const mortal = await connect(mqttUrl, { ...bob, will });
    mortal.stream.destroy();
    await vi.waitFor(() =>
      expect(log).toHaveBeenCalledWith(expect.objectContaining({ type: 'publish-denied', topic: 'nes/closed/will' })),
    );
  });

  it('answer a denied filter with a failure, and queue nothing for it', async () => {
    const log = vi.fn();
    const { mqttUrl = '' } = await openBroker({ ...access, data: await openFolder(), log });
    const away = await resume(mqttUrl, 'bob', bob);
    const grants: number[][] = [];
    away.client.on('packetreceive', (packet) => {
      if (packet.cmd === 'suback') grants.push(packet.granted as number[]);
    });
    away.client.subscribe(['nes/alice/message', 'nes/bob/message'], { qos: 1 });
    await vi.waitFor(() => expect(grants).toEqual([[128, 1]]));
    expect(log).toHaveBeenCalledWith(
      expect.objectContaining({ type: 'subscription-denied', filter: 'nes/alice/message' }),
    );
    await away.client.endAsync();

    const sender = await connect(mqttUrl, bob);
    await sender.publishAsync('nes/alice/message', 'for Alice', { qos: 1 });
    await sender.publishAsync('nes/bob/message', 'for Bob', { qos: 1 });
    const back = await resume(mqttUrl, 'bob', bob);
    await vi.waitFor(() => expect(back.received).toEqual(['for Bob']));
  });
});

describe('without rules', () => {
  it('nobody learns from $SYS who comes and goes, or writes there', async () => {
    const { mqttUrl = '' } = await openBroker();
    const spy = await resume(mqttUrl, 'spy');
    for (const filter of ['$SYS/#', '$SYS/+/new/clients', '$sealmq']) {
      await expect(spy.client.subscribeAsync(filter, { qos: 1 })).rejects.toThrow();
    }
    await spy.client.subscribeAsync('#', { qos: 1 });
    const visitor = await connect(mqttUrl, { clientId: 'secret' });
    await visitor.publishAsync('$SYS/forged', 'text', { qos: 1 });
    await visitor.publishAsync('open', 'text', { qos: 1 });
    await visitor.endAsync();
    await vi.waitFor(() => expect(spy.received).toEqual(['text']));
  });

  it.each([
    () => Promise.reject(new TypeError('broken')),
    () => {
      throw new TypeError('broken');
    },
  ])('a rule that fails says no', async (authenticate) => {
    const { mqttUrl = '' } = await openBroker({ authenticate });
    await expect(connect(mqttUrl)).rejects.toMatchObject({ code: 5 });
  });

  it('a session is resumed by its client id, of whatever length ours have', async () => {
    const { mqttUrl = '' } = await openBroker();
    const clientId = 'abcdefghijABCDEFGHIJ22';
    const first = await resume(mqttUrl, clientId);
    await first.client.subscribeAsync('nes/bob/message', { qos: 1 });
    const closed = next(first.client, 'close');
    const second = await resume(mqttUrl, clientId);
    await closed;
    await second.client.publishAsync('nes/bob/message', 'text', { qos: 1 });
    await vi.waitFor(() => expect(second.received).toEqual(['text']));
  });
});
