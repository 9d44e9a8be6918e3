import { randomUUID } from 'node:crypto';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { utf8 } from '../../src/bytes/bytes.js';
import { isSealMQError } from '../../src/errors.js';
import { gate, message, states } from '../../src/testing/observed-transport.js';
import { transportContract } from '../../src/testing/transport-contract.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { during, errorOf, observe, observed, url } from './fixture.js';
import { startProxy } from './proxy.js';

const QOS1 = { qos: 1 } as const;

/** A client as an application makes it that wants its mail kept. */
function applicationClient(broker: Pick<Broker, 'port'>, options: IClientOptions = {}): MqttClient {
  const kept = { clean: false, clientId: randomUUID(), reconnectPeriod: 5, manualConnect: true };
  return mqtt.connect(url(broker), { ...kept, ...options });
}

/** Ended when the test is over. */
function passing(client: MqttClient): MqttClient {
  onTestFinished(() => client.endAsync(true));
  return client;
}

/** Transports whose application ends its client before it closes us: what it must do if mail is to wait for it. */
async function bench(start: () => Promise<Broker>, options: IClientOptions) {
  const broker = await start();
  const proxy = await startProxy(broker.port);
  const ids = new Map<string, string>();
  return {
    create(session: string) {
      const clientId = ids.get(session) ?? randomUUID();
      ids.set(session, clientId);
      const client = applicationClient(proxy, { ...options, clientId });
      const transport = mqttTransport({ broker: client, clientId: 'unused' });
      const close = async () => {
        if (client.stream !== undefined) await client.endAsync(true);
        await transport.close();
      };
      return { ...transport, close };
    },
    interrupt: () => proxy.cut(),
    async release() {
      await proxy.close();
      await broker.close();
    },
  };
}

const functions = { describe, it, deepEqual: (a: unknown, b: unknown) => expect(a).toEqual(b) };
const expiry = { protocolVersion: 5, properties: { sessionExpiryInterval: 3_600 } } as const;
transportContract("an application's client on aedes (3.1.1)", () => bench(startAedes, {}), functions);
transportContract("an application's client on Mosquitto (5)", () => bench(startMosquitto, expiry), {
  ...functions,
  it: onMosquitto,
});

it('refuses a client that is connecting or connected', async () => {
  const broker = await during(startAedes());
  const client = passing(mqtt.connect(url(broker)));
  const wrapped = (): unknown => mqttTransport({ broker: client, clientId: 'unused' });
  expect(wrapped).toThrow(expect.objectContaining({ code: 'USAGE_CLIENT_CONNECTED' }));
  await new Promise((resolve) => client.once('connect', resolve));
  expect(wrapped).toThrow(expect.objectContaining({ code: 'USAGE_CLIENT_CONNECTED' }));
});

it('refuses at open a client that was connected in between', async () => {
  const broker = await during(startAedes());
  const client = passing(applicationClient(broker));
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  client.connect();
  expect(isSealMQError(await errorOf(subject.open('a')), 'USAGE_CLIENT_CONNECTED')).toBe(true);
});

onMosquitto('leaves the application its options, its hook and its events', async () => {
  const broker = await during(startMosquitto());
  const client = passing(applicationClient(broker, { clean: true, keepalive: 17 }));
  const [hooked, events]: [string[], string[]] = [[], []];
  client.handleMessage = (packet, callback) => {
    hooked.push(packet.topic);
    callback();
  };
  const own = client.handleMessage;
  const before = { ...client.options };
  client.on('message', (topic) => events.push(topic));
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  await subject.open('ours/#');
  await client.subscribeAsync('theirs', { qos: 1 });
  await client.publishAsync('theirs', 'x', QOS1);
  await subject.transport.publish('ours/1', utf8('x'), QOS1);
  await client.publishAsync('theirs', 'y', QOS1);
  await subject.until(() => subject.received.length === 1);
  await new Promise<void>((resolve) =>
    client.on('message', (topic) => topic === 'last' && resolve()).subscribe('last', () => client.publish('last', '')),
  );
  expect(subject.received).toEqual([message('ours/1', 'x')]);
  expect(hooked).toEqual(['theirs', 'theirs', 'last']);
  expect(events.filter((topic) => topic === 'theirs')).toHaveLength(2);
  expect(client.options).toMatchObject(before);

  await subject.transport.close();
  expect(client.connected).toBe(true);
  expect(client.handleMessage).toBe(own);
  await client.publishAsync('theirs', 'z', QOS1);
  expect(subject.received).toHaveLength(1);
  expect(states(subject)).toEqual(['connecting', 'connected', 'closed']);
});

it('leaves no listener and no hook of its own behind', async () => {
  const broker = await during(startAedes());
  const client = passing(applicationClient(broker));
  const count = (): number[] => client.eventNames().map((name) => client.listenerCount(name as 'close'));
  const before = count();
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  await subject.open('a');
  await subject.transport.close();
  expect(count()).toEqual(before);
  expect(Object.hasOwn(client, 'handleMessage')).toBe(false);
});

it('takes back our publishes when the connection breaks, and not the application’s', async () => {
  const broker = await during(startAedes());
  const proxy = await during(startProxy(broker.port));
  const client = passing(applicationClient(proxy));
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  const witness = observe({ broker: url(broker) });
  await Promise.all([subject.open('nobody'), witness.open('#')]);
  proxy.mute(true);
  const ours = errorOf(subject.transport.publish('ours', utf8('1'), QOS1));
  const theirs = client.publishAsync('theirs', '1', QOS1);
  await witness.until(() => witness.received.length === 2);
  proxy.cut();
  expect(isSealMQError(await ours, 'TRANSPORT_CLOSED')).toBe(true);
  await theirs;
  await subject.until(() => states(subject).filter((state) => state === 'connected').length === 2);
  await subject.transport.publish('last', utf8('x'), QOS1);
  await witness.until(() => witness.received.at(-1)?.topic === 'last');
  expect(witness.received.map(({ topic }) => topic)).toEqual(['ours', 'theirs', 'theirs', 'last']);
});

onMosquitto('keeps the application connected while paused', async () => {
  const broker = await during(startMosquitto());
  const client = passing(applicationClient(broker, expiry));
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  const sender = observe({ broker: url(broker) });
  await Promise.all([subject.open('ours'), sender.open('nobody')]);
  await client.subscribeAsync('theirs', { qos: 1 });
  await subject.transport.pause();
  const theirs = new Promise<void>((resolve) => client.on('message', (topic) => topic === 'theirs' && resolve()));
  await sender.transport.publish('ours', utf8('x'), QOS1);
  await sender.transport.publish('theirs', utf8('x'), QOS1);
  await theirs;
  expect(client.connected).toBe(true);
  expect(subject.received).toEqual([]);
  subject.transport.resume();
  await subject.until(() => subject.received.length === 1);
  expect(subject.received).toEqual([message('ours', 'x')]);
});

it('does not acknowledge on a new connection what was received on an old one', async () => {
  const broker = await during(startAedes());
  const proxy = await during(startProxy(broker.port));
  const client = passing(applicationClient(proxy));
  const acknowledged: (number | undefined)[] = [];
  const first = gate();
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }), () => first.open);
  const sender = observe({ broker: url(broker) });
  await Promise.all([subject.open('a'), sender.open('nobody')]);
  broker.aedes.on('ack', ({ messageId }, { id }) => {
    if (id === client.options.clientId) acknowledged.push(messageId);
  });
  await sender.transport.publish('a', utf8('x'), QOS1);
  await subject.until(() => subject.received.length === 1);
  proxy.cut();
  await subject.until(() => states(subject).filter((state) => state === 'connected').length === 2);
  first.pass();
  await subject.until(() => subject.received.length === 2);
  await subject.transport.publish('a', utf8('y'), QOS1);
  await subject.until(() => subject.received.length === 3);
  await expect.poll(() => acknowledged.length).toBe(2);
  await client.endAsync();
  expect(acknowledged).toHaveLength(2);
});

it('tells of a denial, and lets go of the client', async () => {
  const denial = Object.assign(new Error('no'), { returnCode: 4 as const });
  const broker = await during(startAedes({ authenticate: (_client, _name, _password, done) => done(denial, false) }));
  const client = passing(applicationClient(broker));
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  expect(isSealMQError(await errorOf(subject.open('a')), 'TRANSPORT_REFUSED')).toBe(true);
  expect(states(subject).at(-1)).toBe('closed');
  expect(Object.hasOwn(client, 'handleMessage')).toBe(false);
});

onMosquitto('hands in messages whose topic is an alias, under their real topic', async () => {
  const broker = await during(startMosquitto());
  const properties = { sessionExpiryInterval: 3_600, topicAliasMaximum: 10 };
  const client = passing(applicationClient(broker, { protocolVersion: 5, properties }));
  const subject = observed(mqttTransport({ broker: client, clientId: 'unused' }));
  await subject.open('ours');
  for (const body of ['1', '2']) await subject.transport.publish('ours', utf8(body), QOS1);
  await subject.until(() => subject.received.length === 2);
  expect(subject.received).toEqual([message('ours', '1'), message('ours', '2')]);
});
