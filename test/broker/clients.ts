import { type EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach } from 'vitest';
import { type Broker, type BrokerOptions, createBroker } from '../../src/server/broker/broker.js';

/** The certificate that the tests of TLS share. */
export const identity = {
  cert: readFileSync(new URL('../fixtures/tls/certificate.pem', import.meta.url)),
  key: readFileSync(new URL('../fixtures/tls/key.pem', import.meta.url)),
};

const cleanups: (() => Promise<unknown>)[] = [];

/** Remembers what is to be undone after the test, the latest first. */
export function afterTest(cleanup: () => Promise<unknown>): void {
  cleanups.unshift(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A broker that is closed after the test. */
export async function openBroker(options: BrokerOptions = {}): Promise<Broker> {
  const broker = await createBroker(options);
  afterTest(() => broker.close());
  return broker;
}

/** An empty folder that is removed after the test. */
export async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-broker-'));
  afterTest(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A plain MQTT client, connected, that neither reconnects nor outlives the test. */
export async function connect(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ca: identity.cert, ...options }, false);
  afterTest(() => client.endAsync(true));
  return client;
}

/**
 * A client whose session the broker keeps; `received` has what came, from the first byte after CONNACK on.
 *
 * @param take - acknowledges a message by calling `done`; no further one is read before
 */
export async function resume(
  url: string,
  clientId: string,
  options: IClientOptions = {},
  take?: MqttClient['handleMessage'],
): Promise<{ client: MqttClient; received: string[] }> {
  const received: string[] = [];
  const client = mqtt.connect(url, { reconnectPeriod: 0, ca: identity.cert, clientId, clean: false, ...options });
  afterTest(() => client.endAsync(true));
  if (take) client.handleMessage = take;
  client.on('message', (_topic, payload) => received.push(payload.toString()));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  return { client, received };
}

/** Publishes all of `payloads` with QoS 1, several hundred in flight, and waits for every acknowledgement. */
export async function publishAll(client: MqttClient, topic: string, payloads: readonly string[]): Promise<void> {
  const window = 400;
  for (let start = 0; start < payloads.length; start += window) {
    const part = payloads.slice(start, start + window);
    await Promise.all(part.map((payload) => client.publishAsync(topic, payload, { qos: 1 })));
  }
}

/** `0`, `1`, … */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

/** The next event of that name, with what came along. mqtt.js and ws type their events too narrowly for `events.once`. */
export function next(emitter: object, event: string): Promise<unknown[]> {
  return once(emitter as EventEmitter, event);
}
