import mqtt from 'mqtt';
import { describe, expect, it, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import type { Transport, Will } from '../../src/ports/transport.js';
import { onMosquitto, startMosquitto } from '../mqtt/brokers.js';
import { type Proxy as Network, startProxy } from '../mqtt/proxy.js';
import { publish } from './liar.js';
import { closing, createWorld, next, take, until, type World } from './world.js';

const will = { to: 'bob', payload: { gone: true }, channel: 'presence' };

/** The address of a broker behind a network that can be cut. */
async function behindProxy(port: number): Promise<{ proxy: Network; url: string }> {
  const proxy = await startProxy(port);
  closing(() => proxy.close());
  return { proxy, url: `mqtt://127.0.0.1:${proxy.port}` };
}

const portOf = (url: string) => Number(new URL(url).port);

/** Cuts the connection and waits until there is another one. */
async function cut(alice: Messenger, proxy: Network): Promise<void> {
  const back = next(alice, 'connection', ({ state }) => state === 'connected');
  proxy.cut();
  await back;
}

describe('a will', () => {
  const story = async (world: World, brokerUrl: string, broker: (url: string) => MessengerOptions['broker']) => {
    const { proxy, url } = await behindProxy(portOf(brokerUrl));
    const bob = await world.join('bob', { broker: brokerUrl });
    const alice = await world.join('alice', { broker: broker(url), will });
    await (await alice.send('bob', 'hello')).published;
    expect((await take(bob, 1))[0]).toMatchObject({ text: 'hello', family: 'message' });
    for (let round = 0; round < 2; round++) {
      await cut(alice, proxy);
      const [last] = await take(bob, 1);
      expect(last).toMatchObject({ family: 'will', from: 'alice', device: alice.deviceId, channel: 'presence' });
      expect(last?.json()).toEqual({ gone: true });
    }
    const carol = await world.join('carol', { broker: brokerUrl });
    await alice.close();
    await carol.send('bob', 'she said goodbye');
    expect((await take(bob, 1))[0]).toMatchObject({ from: 'carol', family: 'message' });
  };

  it('comes when the connection is cut, at each connection, and not after a farewell', async () => {
    const world = await createWorld();
    await story(world, world.brokerUrl, (url) => url);
  });

  onMosquitto('does so on Mosquitto with MQTT 5', async () => {
    const world = await createWorld();
    const mosquitto = await startMosquitto();
    closing(() => mosquitto.close());
    await story(world, `mqtt://127.0.0.1:${mosquitto.port}`, (url) => url);
  });

  onMosquitto('does so on Mosquitto with MQTT 3.1.1', async () => {
    const world = await createWorld();
    const mosquitto = await startMosquitto();
    closing(() => mosquitto.close());
    await story(world, `mqtt://127.0.0.1:${mosquitto.port}`, (broker) =>
      mqttTransport({ broker, clientId: 'alice-of-3-1-1', protocolVersion: 4 }),
    );
  });
});

test('a will is taken once, and an older one not after a newer', async () => {
  const world = await createWorld();
  const { proxy, url } = await behindProxy(portOf(world.brokerUrl));
  const bob = await world.join('bob');
  const alice = await world.join('alice', { broker: url, will });
  const first = await world.overhear('nes/bob/will');
  await cut(alice, proxy);
  await take(bob, 1);
  const again = next(bob, 'rejected');
  await publish(world, 'nes/bob/will', await first.bytes);
  expect(await again).toEqual({ reason: 'duplicate', from: 'alice' });

  await cut(alice, proxy);
  await take(bob, 1);
  const old = next(bob, 'rejected');
  await publish(world, 'nes/bob/will', await first.bytes);
  expect(await old).toEqual({ reason: 'rolled-back', from: 'alice' });
  expect(bob.status()).toMatchObject({ inbox: 0, opened: 0 });
});

test('a will that the broker kept back is worth nothing after a farewell, or when its sender is back', async () => {
  const world = await createWorld();
  const { proxy, url } = await behindProxy(portOf(world.brokerUrl));
  const bob = await world.join('bob');
  const kept: Uint8Array[] = [];
  // A transport that tells the wills, as a broker sees them.
  const inner = mqttTransport({ broker: url, clientId: 'alice-and-a-spy' });
  const broker: Transport = {
    ...inner,
    open: (filters, handlers) =>
      inner.open(filters, {
        ...handlers,
        will: async () => {
          const sealed = (await handlers.will?.()) as Will;
          kept.push(sealed.payload);
          return { ...sealed, topic: 'nowhere' };
        },
      }),
  };
  const alice = await world.join('alice', { broker, will });
  const withdrawn = await world.overhear('nes/bob/control');
  await cut(alice, proxy);
  await withdrawn.bytes;
  const late = next(bob, 'rejected');
  await publish(world, 'nes/bob/will', kept[0] as Uint8Array);
  expect(await late).toEqual({ reason: 'rolled-back', from: 'alice' });

  await alice.close();
  const afterFarewell = next(bob, 'rejected');
  await publish(world, 'nes/bob/will', kept.at(-1) as Uint8Array);
  expect(await afterFarewell).toEqual({ reason: 'rolled-back', from: 'alice' });
});

test('nobody can pass a message off as a will, or a will as a message', async () => {
  const world = await createWorld();
  const { proxy, url } = await behindProxy(portOf(world.brokerUrl));
  const bob = await world.join('bob');
  const alice = await world.join('alice', { broker: url, will });
  const [message, last] = [await world.overhear('nes/bob/message'), await world.overhear('nes/bob/will')];
  await alice.send('bob', 'hello');
  await cut(alice, proxy);
  await take(bob, 2);
  for (const [topic, { bytes }] of [
    ['nes/bob/will', message],
    ['nes/bob/message', last],
  ] as const) {
    const rejected = next(bob, 'rejected');
    await publish(world, topic, await bytes);
    expect(await rejected).toMatchObject({ reason: 'unverifiable' });
  }
});

test('a will that cannot be sealed is told, and mail flows without it', async () => {
  const world = await createWorld();
  const bob = await world.join('bob');
  const warnings: unknown[] = [];
  const alice = await world.open('alice', { will: { to: 'nobody', payload: '' }, connect: 'background' });
  alice.on('warning', ({ code }) => warnings.push(code));
  await until(() => alice.status().connection === 'connected' || undefined);
  expect(warnings).toContain('DIRECTORY_NOT_FOUND');
  await alice.register();
  await alice.send('bob', 'hello');
  await take(bob, 1);
});

test('a will of odd size or receiver is refused at once, and one beside a client of the application too', async () => {
  const world = await createWorld();
  const open = (options: Partial<MessengerOptions>) => world.open('alice', options);
  await expect(open({ will: { to: 'Bob', payload: '' } })).rejects.toMatchObject({ code: 'USAGE_INVALID_ADDRESS' });
  const large = open({ will: { to: 'bob', payload: 'x'.repeat(16_385) } });
  await expect(large).rejects.toMatchObject({ code: 'USAGE_PAYLOAD_TOO_LARGE' });
  const own = mqtt.connect(world.brokerUrl, { manualConnect: true });
  await expect(open({ broker: own, will })).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
});
