import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Broker } from '../../src/server/broker/broker.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { afterTest, connect, identity, next, openBroker, openFolder } from './clients.js';

type UrlOf = (broker: Broker) => string | undefined;
const listeners: readonly [scheme: string, url: UrlOf, options: object][] = [
  ['mqtt', (broker) => broker.mqttUrl, {}],
  ['mqtts', (broker) => broker.mqttUrl, { tls: identity }],
  ['ws', (broker) => broker.wsUrl, { mqtt: false, ws: 0 }],
  ['wss', (broker) => broker.wsUrl, { mqtt: false, ws: 0, tls: identity }],
];

describe.each(listeners)('%s', (scheme, urlOf, options) => {
  async function open(): Promise<string> {
    const url = urlOf(await openBroker(options)) ?? '';
    expect(url).toMatch(new RegExp(`^${scheme}://127\\.0\\.0\\.1:\\d+$`));
    return url;
  }

  it('carries messages of all sizes both ways', async () => {
    const url = await open();
    const [left, right] = [await connect(url), await connect(url)];
    const payloads = [0, 1, 125, 126, 127, 16_383, 16_384, 65_536, 1_500_000].map((size) => Buffer.alloc(size, size));
    const received: Buffer[] = [];
    right.on('message', (_topic, payload) => received.push(payload));
    await right.subscribeAsync('sizes', { qos: 1 });
    for (const payload of payloads) await left.publishAsync('sizes', payload, { qos: 1 });
    await vi.waitFor(() => expect(received).toHaveLength(payloads.length), 10_000);
    expect(received.every((payload, index) => payload.equals(payloads[index] ?? payload.subarray(1)))).toBe(true);
  });

  it('tells a client of MQTT 5 that it speaks another version', async () => {
    const url = await open();
    // Many times, since what must not happen is that the answer is overtaken by the end of the connection.
    for (let round = 0; round < 25; round += 1) {
      const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, ca: identity.cert });
      const [error] = await next(client, 'error');
      expect(error).toMatchObject({ code: 1 });
      await client.endAsync(true);
    }
    expect((await connect(url, { protocolVersion: 4 })).connected).toBe(true);
  });
});

describe('createBroker', () => {
  it('refuses a port that is taken', async () => {
    const { mqttUrl } = await openBroker();
    const port = Number(new URL(mqttUrl ?? '').port);
    await expect(createBroker({ mqtt: port })).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
    await expect(createBroker({ ws: port })).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
  });

  it('leaves nothing behind when only its second port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await next(taken, 'listening');
    afterTest(async () => taken.close());
    const { port } = taken.address() as { port: number };
    const data = await openFolder();
    await expect(createBroker({ ws: port, data })).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
    expect((await openBroker({ data })).mqttUrl).toBeDefined();
  });

  it('refuses a host that is not of this machine', async () => {
    const elsewhere = createBroker({ host: '192.0.2.1', allowInsecure: true });
    await expect(elsewhere).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' });
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'broker.example'])(
    'listens on %s in plain only when told so',
    async (host) => {
      await expect(createBroker({ host })).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    },
  );

  it.each([
    { host: '0.0.0.0', allowInsecure: true },
    { host: '0.0.0.0', tls: identity },
    { host: 'localhost' },
    { host: '127.0.0.2' },
  ])('listens on $host', async (options) => {
    expect((await openBroker(options)).mqttUrl).toContain(options.host);
  });

  it('refuses a certificate that is none', async () => {
    const tls = { cert: 'none', key: 'none' };
    await expect(createBroker({ tls })).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    await expect(createBroker({ tls, mqtt: false, ws: 0 })).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  });

  it('refuses a data folder that another broker has open', async () => {
    const data = await openFolder();
    await openBroker({ data });
    await expect(createBroker({ data })).rejects.toMatchObject({ code: 'STATE_LOCKED' });
  });

  it('cuts the connection that announces too long a packet, and no other', async () => {
    const log = vi.fn();
    const { mqttUrl = '', wsUrl = '' } = await openBroker({ ws: 0, maxPacketBytes: 10_000, log });
    const bystander = await connect(mqttUrl);
    for (const url of [mqttUrl, wsUrl]) {
      const client = await connect(url);
      client.on('error', () => {});
      const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
      client.publish('large', Buffer.alloc(500_000), { qos: 1 });
      await closed;
    }
    const cut = log.mock.calls.filter(([{ reason }]) => reason === 'packet too large');
    expect(cut).toHaveLength(2);
    await bystander.publishAsync('small', Buffer.alloc(9_000), { qos: 1 });
  });

  it('answers no WebSocket that does not ask for MQTT', async () => {
    const { wsUrl = '' } = await openBroker({ ws: 0 });
    for (const protocols of [[], ['chat'], ['mqttv3.1']]) {
      const [error] = await next(new WebSocket(wsUrl, protocols), 'error');
      expect(String(error)).toContain('400');
    }
    expect((await fetch(wsUrl.replace('ws', 'http'))).status).toBe(426);
  });

  it('cuts a WebSocket that sends text', async () => {
    const { wsUrl = '' } = await openBroker({ ws: 0 });
    const socket = new WebSocket(wsUrl, 'mqtt');
    await next(socket, 'open');
    socket.send('text');
    const [code] = await next(socket, 'close');
    expect(code).toBe(1003);
  });
});

describe('close', () => {
  it('ends all connections, again and again', async () => {
    const broker = await openBroker({ ws: 0, data: await openFolder() });
    const clients = [await connect(broker.mqttUrl ?? ''), await connect(broker.wsUrl ?? '')];
    expect(broker.connections).toBe(2);
    const silent = new WebSocket(broker.wsUrl ?? '', 'mqtt');
    await next(silent, 'open');
    const ends = [...clients.map((client) => next(client, 'close')), next(silent, 'close')];
    await Promise.all([broker.close(), broker.close()]);
    await Promise.all(ends);
    await broker.close();
    expect(broker.connections).toBe(0);
    await expect(connect(broker.mqttUrl ?? '')).rejects.toThrow();
  });

  it('keeps no process alive', async () => {
    const script = fileURLToPath(new URL('./open-and-close.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, await openFolder()], { stdio: 'pipe' });
    afterTest(async () => child.kill('SIGKILL'));
    child.stderr.on('data', (text) => process.stderr.write(text));
    const [code] = await next(child, 'exit');
    expect(code).toBe(0);
  });
});
