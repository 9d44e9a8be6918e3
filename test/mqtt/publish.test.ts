import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import { expect, it, onTestFinished } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.js';
import { isSealMQError } from '../../src/errors.js';
import { states } from '../../src/testing/observed-transport.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { during, errorOf, observe, url } from './fixture.js';
import { startProxy } from './proxy.js';

const QOS1 = { qos: 1 } as const;

/** A bystander with the plain library: what really arrives, and `until` so many have. */
async function listenIn(broker: Broker, version: 4 | 5, filter: string) {
  const client: MqttClient = await mqtt.connectAsync(url(broker), { protocolVersion: version });
  onTestFinished(() => client.endAsync());
  const packets: IPublishPacket[] = [];
  const waiting = new Set<() => void>();
  client.on('message', (_topic, _payload, packet) => {
    packets.push(packet);
    for (const check of waiting) check();
  });
  await client.subscribeAsync(filter, { qos: 1 });
  const until = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => void (packets.length >= count && resolve());
      waiting.add(check);
      check();
    });
  return { client, packets, until };
}

async function abandonsAndNeverResends(start: () => Promise<Broker>): Promise<void> {
  const broker = await during(start());
  const proxy = await during(startProxy(broker.port));
  const witness = await listenIn(broker, 4, 'a');
  const subject = observe({ broker: url(proxy) });
  await subject.open('nobody');
  proxy.mute(true);
  const bodies = Array.from({ length: 10 }, (_, index) => utf8(`${index}`));
  const published = bodies.map((body) => errorOf(subject.transport.publish('a', body, QOS1)));
  await witness.until(10);
  proxy.cut();
  const errors = await Promise.all(published);
  expect(errors.map((error) => isSealMQError(error, 'TRANSPORT_CLOSED'))).toEqual(errors.map(() => true));
  await subject.until(() => states(subject).filter((state) => state === 'connected').length === 2);
  await subject.transport.publish('a', utf8('afterwards'), QOS1);
  await witness.until(11);
  expect(witness.packets.map(({ payload }) => String(payload)).slice(10)).toEqual(['afterwards']);
}

it('rejects what aedes has not acknowledged when the connection breaks, and does not send it again', () =>
  abandonsAndNeverResends(startAedes));

onMosquitto('rejects what Mosquitto has not acknowledged when the connection breaks, and does not send it again', () =>
  abandonsAndNeverResends(startMosquitto),
);

it('rejects publishes of QoS 0 that were stuck when the connection broke', async () => {
  const broker = await during(startAedes());
  const proxy = await during(startProxy(broker.port));
  const subject = observe({ broker: url(proxy) });
  await subject.open('nobody');
  const large = new Uint8Array(8_000_000);
  const published = [1, 2, 3].map(() => errorOf(subject.transport.publish('a', large, { qos: 0 })));
  proxy.cut();
  const errors = await Promise.all(published);
  expect(errors.map((error) => isSealMQError(error, 'TRANSPORT_CLOSED'))).toContain(true);
});

onMosquitto('can publish from within the report of being connected', async () => {
  const broker = await during(startMosquitto());
  const witness = await listenIn(broker, 5, 'a');
  const subject = observe({ broker: url(broker) });
  const published = subject
    .until(() => states(subject).at(-1) === 'connected')
    .then(() => subject.transport.publish('a', utf8('x'), QOS1));
  await subject.open('nobody');
  await Promise.all([published, witness.until(1)]);
});

onMosquitto('keeps to the window that a broker of MQTT 5 asks for', async () => {
  const broker = await during(startMosquitto('max_inflight_messages 5'));
  const proxy = await during(startProxy(broker.port));
  const witness = await listenIn(broker, 4, '#');
  const subject = observe({ broker: url(proxy) });
  await subject.open('nobody');
  proxy.mute(true);
  const published = Array.from({ length: 40 }, (_, index) => subject.transport.publish('a', utf8(`${index}`), QOS1));
  await witness.until(5);
  await witness.client.publishAsync('marker', 'x', { qos: 1 });
  await witness.until(6);
  expect(witness.packets.map(({ topic }) => topic)).toEqual(['a', 'a', 'a', 'a', 'a', 'marker']);
  proxy.mute(false);
  await Promise.all(published);
  await witness.until(41);
});

onMosquitto('refuses what is larger than the broker takes, and stays connected', async () => {
  const broker = await during(startMosquitto('max_packet_size 2000'));
  const subject = observe({ broker: url(broker) });
  await subject.open('a');
  const error = await errorOf(subject.transport.publish('a', new Uint8Array(3_000), QOS1));
  expect(isSealMQError(error, 'TRANSPORT_REFUSED')).toBe(true);
  expect(String(error)).toMatch(/Packet too large/);
  await subject.transport.publish('a', new Uint8Array(1_500), QOS1);
  await subject.until(() => subject.received.length === 1);
  expect(states(subject)).toEqual(['connecting', 'connected']);
});

onMosquitto('tells the reason for which a broker of MQTT 5 refuses a message; nobody listening is none', async () => {
  const rules = join(tmpdir(), `sealmq-acl-${process.pid}`);
  await writeFile(rules, 'topic readwrite free/#\n');
  onTestFinished(() => rm(rules));
  // Without a limit of queued messages, Mosquitto 2.0.11 hangs up after each publish that it denies.
  const broker = await during(startMosquitto(`acl_file ${rules}`, 'max_queued_messages 1000'));
  const subject = observe({ broker: url(broker) });
  await subject.open('free/a');
  const error = await errorOf(subject.transport.publish('guarded', utf8('x'), QOS1));
  expect(isSealMQError(error, 'TRANSPORT_REFUSED')).toBe(true);
  expect(String(error)).toMatch(/Not authorized/);
  await subject.transport.publish('free/nobody-listens', utf8('x'), QOS1);
});

onMosquitto('passes on expiry and retain where the broker speaks MQTT 5', async () => {
  const broker = await during(startMosquitto());
  const subject = observe({ broker: url(broker) });
  await subject.open('nobody');
  await subject.transport.publish('a', utf8('x'), { qos: 1, retain: true, expiresIn: 600 });
  const witness = await listenIn(broker, 5, 'a');
  await witness.until(1);
  expect(witness.packets[0]?.retain).toBe(true);
  expect(witness.packets[0]?.properties?.messageExpiryInterval).toBe(600);
});

it('leaves the expiry out where the broker speaks 3.1.1', async () => {
  const broker = await during(startAedes());
  const witness = await listenIn(broker, 4, 'a');
  const subject = observe({ broker: url(broker) });
  await subject.open('nobody');
  await subject.transport.publish('a', utf8('x'), { qos: 1, expiresIn: 600 });
  await witness.until(1);
  expect(String(witness.packets[0]?.payload)).toBe('x');
});

/** Around the lengths at which the remaining length of a packet takes another byte, less the topic and its length. */
const LENGTHS = [0, 1, 120, 121, 122, 123, 16_370, 16_375, 16_376, 16_377, 16_378, 1_000_000];

async function publishesUnacknowledged(start: () => Promise<Broker>, version: 4 | 5): Promise<void> {
  const broker = await during(start());
  const witness = await listenIn(broker, version, '#');
  const subject = observe({ broker: url(broker) });
  await subject.open('nobody');
  const sent = LENGTHS.map((length) => new Uint8Array(length).fill(length));
  // Between packets that the client writes itself.
  const topics = sent.map((_, i) => (i % 3 === 0 ? 'ärger' : 'a'));
  const last = sent.length - 1;
  for (const [i, payload] of sent.entries()) {
    // One after the other: aedes lets QoS 0 overtake the rest, and drops what it has overtaken.
    await subject.transport.publish(topics[i] as string, payload, { qos: i % 4 === 1 ? 1 : 0, retain: i === last });
  }
  await witness.until(sent.length);
  expect(witness.packets.map(({ topic }) => topic)).toEqual(topics);
  for (const [i, { payload }] of witness.packets.entries()) {
    expect(payload.length).toBe(LENGTHS[i]);
    expect(Buffer.compare(payload as Buffer, sent[i] as Uint8Array)).toBe(0);
  }
  const late = await listenIn(broker, version, '#');
  await late.until(1);
  expect(late.packets[0]).toMatchObject({ retain: true, topic: topics[last] });
  expect(states(subject)).toEqual(['connecting', 'connected']);
}

it('writes packets of QoS 0 of every length, in order with all others, to a broker of 3.1.1', () =>
  publishesUnacknowledged(startAedes, 4));

onMosquitto('writes packets of QoS 0 of every length, in order with all others, to a broker of MQTT 5', () =>
  publishesUnacknowledged(startMosquitto, 5),
);

onMosquitto('gives an expiry along at QoS 0, too', async () => {
  const broker = await during(startMosquitto());
  const witness = await listenIn(broker, 5, 'a');
  const subject = observe({ broker: url(broker) });
  await subject.open('nobody');
  await subject.transport.publish('a', utf8('x'), { qos: 0, expiresIn: 600 });
  await witness.until(1);
  expect(witness.packets[0]?.properties?.messageExpiryInterval).toBe(600);
});
