import { Socket } from 'node:net';
import { expect, it, vi } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { utf8 } from '../../src/bytes/bytes.js';
import { isSealMQError } from '../../src/errors.js';
import { message, states } from '../../src/testing/observed-transport.js';
import { certificate, freePort, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { during, errorOf, observe, url } from './fixture.js';
import { startProxy } from './proxy.js';
import { startScript } from './script.js';

const QOS1 = { qos: 1 } as const;

/** The part of aedes' persistence that is touched. */
interface Forgetful {
  removeSubscriptions(client: unknown, topics: string[]): Promise<void>;
}
const NOT_AUTHORIZED = Object.assign(new Error('no'), { returnCode: 5 as const });

it.each(['tls', 'ws'] as const)('connects over %s', async (kind) => {
  const broker = await during(startAedes());
  const address = kind === 'tls' ? `mqtts://localhost:${broker.tlsPort}` : `ws://127.0.0.1:${broker.wsPort}/mqtt`;
  const subject = observe({ broker: address, tls: { ca: certificate.cert } });
  await subject.open('a');
  await subject.transport.publish('a', Uint8Array.of(1, 2), QOS1);
  await subject.until(() => subject.received.length === 1);
  expect(subject.received).toEqual([{ topic: 'a', bytes: [1, 2] }]);
  await subject.transport.close();
  expect(states(subject)).toEqual(['connecting', 'connected', 'disconnected', 'closed']);
});

it('does not talk to a broker whose certificate nobody vouches for', async () => {
  const broker = await during(startAedes());
  const subject = observe({ broker: `mqtts://localhost:${broker.tlsPort}` });
  const opened = errorOf(subject.open('a'));
  await subject.until(() => subject.states.length === 4);
  expect(states(subject)).toEqual(['connecting', 'disconnected', 'connecting', 'disconnected']);
  expect(subject.states[1]).toMatchObject({ cause: 'unreachable', reason: expect.stringMatching(/self.signed/) });
  await subject.transport.close();
  expect(isSealMQError(await opened, 'TRANSPORT_CLOSED')).toBe(true);
});

it('switches off Nagle’s algorithm on TCP and TLS', async () => {
  const broker = await during(startAedes());
  const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
  const addresses = [url(broker), `mqtts://localhost:${broker.tlsPort}`];
  for (const [index, address] of addresses.entries()) {
    noDelay.mockClear();
    const subject = observe({ broker: address, protocolVersion: 4, tls: { ca: certificate.cert } });
    await subject.open('a');
    const ports = noDelay.mock.contexts.map((socket) => (socket as Socket).remotePort);
    expect(ports).toContain([broker.port, broker.tlsPort][index]);
  }
  noDelay.mockRestore();
});

it('tries several addresses in turn', async () => {
  const [nobody, broker] = [await freePort(), await during(startAedes())];
  const subject = observe({ broker: [url({ port: nobody }), `ws://127.0.0.1:${broker.wsPort}`] });
  await subject.open('a');
  expect(states(subject)).toEqual(['connecting', 'disconnected', 'connecting', 'connected']);
  expect(subject.states[1]?.reason).toMatch(/ECONNREFUSED/);
});

onMosquitto('rejects open when nothing answers in time, and connects all the same when the broker comes', async () => {
  const port = await freePort();
  const subject = observe({ broker: url({ port }), connectTimeout: 100 });
  const error = await errorOf(subject.open('a'));
  expect(isSealMQError(error, 'TRANSPORT_TIMEOUT')).toBe(true);
  expect(String(error)).toMatch(/ECONNREFUSED/);
  await during(startMosquitto(`listener ${port} 127.0.0.1`));
  await subject.until(() => states(subject).at(-1) === 'connected');
  await subject.transport.publish('a', Uint8Array.of(1), QOS1);
  await subject.until(() => subject.received.length === 1);
});

it('gives up on a broker that accepts and says nothing', async () => {
  const silence = await during(startScript());
  const subject = observe({ broker: url(silence), connectTimeout: 100 });
  expect(isSealMQError(await errorOf(subject.open('a')), 'TRANSPORT_TIMEOUT')).toBe(true);
  await subject.until(() => states(subject).includes('disconnected'));
});

it('survives a server that does not speak MQTT', async () => {
  const web = await during(startScript(utf8('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const subject = observe({ broker: url(web), connectTimeout: 300 });
  expect(isSealMQError(await errorOf(subject.open('a')), 'TRANSPORT_TIMEOUT')).toBe(true);
  expect(states(subject)).not.toContain('connected');
});

it('tells of a denial at the first open, and is closed then', async () => {
  const broker = await during(
    startAedes({ authenticate: (_client, _name, _password, done) => done(NOT_AUTHORIZED, false) }),
  );
  const subject = observe({ broker: url(broker) });
  const error = await errorOf(subject.open('a'));
  expect(isSealMQError(error, 'TRANSPORT_REFUSED')).toBe(true);
  expect(String(error)).toMatch(/Not authorized/);
  await subject.until(() => states(subject).at(-1) === 'closed');
  expect(states(subject)).toEqual(['connecting', 'disconnected', 'closed']);
  expect(subject.states[1]).toMatchObject({ cause: 'refused', reason: expect.stringMatching(/Not authorized/) });
});

onMosquitto('tells of a denial by a broker of MQTT 5', async () => {
  const broker = await during(startMosquitto('allow_anonymous false'));
  const error = await errorOf(observe({ broker: url(broker) }).open('a'));
  expect(isSealMQError(error, 'TRANSPORT_REFUSED')).toBe(true);
});

it('asks for credentials before each connect; a later denial heals with new ones', async () => {
  let valid = 'first';
  const seen: string[] = [];
  const broker = await during(
    startAedes({
      authenticate(_client, username, password, done) {
        seen.push(`${username}:${password}`);
        done(String(password) === valid ? null : NOT_AUTHORIZED, String(password) === valid);
      },
    }),
  );
  const proxy = await during(startProxy(broker.port));
  const tokens = ['first', 'first', 'second'];
  const subject = observe({
    broker: url(proxy),
    protocolVersion: 4,
    username: 'anna',
    password: 'never used',
    credentials: async () => ({ password: tokens.shift() ?? 'none' }),
  });
  await subject.open('a');
  valid = 'second';
  proxy.cut();
  await subject.until(() => subject.states.length === 7);
  expect(seen).toEqual(['anna:first', 'anna:first', 'anna:second']);
  expect(states(subject).slice(2)).toEqual(['disconnected', 'connecting', 'disconnected', 'connecting', 'connected']);
  expect(subject.states[2]).toMatchObject({ cause: 'network' });
  expect(subject.states[4]).toMatchObject({ cause: 'refused', reason: expect.stringMatching(/Not authorized/) });
});

it('takes failing credentials for a passing trouble', async () => {
  const broker = await during(startAedes());
  let failures = 2;
  const credentials = async () => {
    if (failures-- > 0) throw new RangeError('token service is away');
    return {};
  };
  const subject = observe({ broker: url(broker), credentials });
  await subject.open('a');
  const lost = subject.states.filter(({ state }) => state === 'disconnected');
  expect(lost.map(({ cause }) => cause)).toEqual(['no-credentials', 'no-credentials']);
});

onMosquitto('comes back after another client had the session, once that one is gone', async () => {
  const broker = await during(startMosquitto());
  const older = observe({ broker: url(broker), clientId: 'shared', random: () => 0.1 });
  const newer = observe({ broker: url(broker), clientId: 'shared', random: () => 0.1 });
  await older.open('a');
  await newer.open('a');
  await older.until(() => states(older).includes('disconnected'));
  await newer.transport.close();
  await older.until(() => states(older).at(-1) === 'connected');
  await older.transport.publish('a', Uint8Array.of(120), QOS1);
  await older.until(() => older.received.length === 1);
  expect(older.received).toEqual([message('a', 'x')]);
});

it('tells that a broker of MQTT 5 is going down', async () => {
  const broker = await during(startScript(Uint8Array.from([0x20, 0x03, 0, 0, 0, 0xe0, 0x02, 0x8b, 0])));
  const subject = observe({ broker: url(broker), random: () => 1 });
  void errorOf(subject.open('a'));
  await subject.until(() => states(subject).includes('disconnected'));
  expect(subject.states.at(-1)).toMatchObject({ cause: 'ended-by-broker' });
});

it('notices a network that went away in silence: the other side gives no sign of life', async () => {
  const broker = await during(startScript(Uint8Array.from([0x20, 0x03, 0, 0, 0])));
  const subject = observe({ broker: url(broker), keepalive: 1 });
  void errorOf(subject.open('a'));
  await subject.until(() => states(subject).filter((state) => state === 'connected').length === 2);
  expect(subject.states.find(({ state }) => state === 'disconnected')).toMatchObject({ cause: 'keepalive-timeout' });
});

it('tells why a broker of MQTT 5 disconnects us', async () => {
  const connack = [0x20, 0x03, 0, 0, 0];
  const sessionTakenOver = [0xe0, 0x02, 0x8e, 0];
  const broker = await during(startScript(Uint8Array.from([...connack, ...sessionTakenOver])));
  const subject = observe({ broker: url(broker), random: () => 1 });
  const opened = errorOf(subject.open('a'));
  await subject.until(() => states(subject).includes('disconnected'));
  expect(subject.states.at(-1)).toMatchObject({
    cause: 'taken-over',
    reason: expect.stringMatching(/Session taken over/),
  });
  await subject.transport.close();
  expect(isSealMQError(await opened, 'TRANSPORT_CLOSED')).toBe(true);
});

onMosquitto('renews its subscriptions when the broker has lost the session', async () => {
  const first = await startMosquitto();
  const proxy = await during(startProxy(first.port));
  const subject = observe({ broker: url(proxy) });
  await subject.open('a/#');
  await first.close();
  await during(startMosquitto(`listener ${first.port} 127.0.0.1`));
  await subject.until(() => subject.states.filter(({ state }) => state === 'connected').length === 2);
  expect(subject.states.at(-1)).toEqual({ state: 'connected', sessionPresent: false });
  await subject.transport.publish('a/b', Uint8Array.of(120), QOS1);
  await subject.until(() => subject.received.length === 1);
  expect(subject.received).toEqual([message('a/b', 'x')]);
});

it('subscribes with every connection: a broker may have lost a subscription and kept the session', async () => {
  const { aedes, port } = await during(startAedes());
  const proxy = await during(startProxy(port));
  const subject = observe({ broker: url(proxy) });
  await subject.open('a', 'b');
  const forgotten = new Promise<void>((resolve) => {
    aedes.on('clientDisconnect', async (client) => {
      await (aedes as unknown as { persistence: Forgetful }).persistence.removeSubscriptions(client, ['a']);
      resolve();
    });
  });
  proxy.hangUpAt(1);
  proxy.cut();
  await forgotten;
  proxy.hangUpAt(0);
  await subject.until(() => subject.states.at(-1)?.sessionPresent === true);
  await subject.transport.publish('a', Uint8Array.of(120), QOS1);
  await subject.until(() => subject.received.length === 1);
  expect(subject.received).toEqual([message('a', 'x')]);
});

onMosquitto('subscribes again when the connection broke before the broker had heard of it', async () => {
  const first = await startMosquitto();
  const proxy = await during(startProxy(first.port));
  const subject = observe({ broker: url(proxy) });
  await subject.open('a');
  await first.close();
  // From CONNACK on the new broker has a session of ours, without a subscription.
  proxy.hangUpAt(2);
  await during(startMosquitto(`listener ${first.port} 127.0.0.1`));
  const connects = (): number => states(subject).filter((state) => state === 'connected').length;
  await subject.until(() => connects() === 2 && states(subject).at(-1) === 'disconnected');
  proxy.hangUpAt(0);
  await subject.until(() => subject.states.at(-1)?.sessionPresent === true);
  await subject.transport.publish('a', Uint8Array.of(120), QOS1);
  await subject.until(() => subject.received.length === 1);
});

it('tells of a denied subscription', async () => {
  const broker = await during(
    startAedes({ authorizeSubscribe: (_client, wanted, done) => done(null, wanted.topic === 'mine' ? wanted : null) }),
  );
  const error = await errorOf(observe({ broker: url(broker) }).open('mine', 'theirs'));
  expect(isSealMQError(error, 'TRANSPORT_REFUSED')).toBe(true);
  await observe({ broker: url(broker) }).open('mine');
});

onMosquitto('acknowledges what an old subscription brings, without handing it in', async () => {
  const broker = await during(startMosquitto());
  const before = observe({ broker: url(broker), clientId: 'same' });
  await before.open('old', 'new');
  await before.transport.close();
  const after = observe({ broker: url(broker), clientId: 'same' });
  await after.open('new');
  await after.transport.publish('old', Uint8Array.of(1), QOS1);
  await after.transport.publish('new', Uint8Array.of(120), QOS1);
  await after.until(() => after.received.length === 1);
  expect(after.received).toEqual([message('new', 'x')]);
});

it.each([
  ['an unknown scheme', { broker: 'http://127.0.0.1', clientId: 'a' }],
  ['no URL', { broker: '127.0.0.1:1883', clientId: 'a' }],
  ['no address', { broker: [], clientId: 'a' }],
  ['an empty client id', { broker: 'mqtt://127.0.0.1', clientId: '' }],
])('refuses %s', (_what, options) => {
  const attempt = (): unknown => mqttTransport(options);
  expect(attempt).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }));
});

it('refuses malformed filters and unusable keys', async () => {
  const broker = await during(startAedes());
  const malformed = await errorOf(observe({ broker: url(broker) }).open('a/#/b'));
  expect(isSealMQError(malformed, 'USAGE_INVALID_ARGUMENT')).toBe(true);
  const tls = { cert: 'no certificate', key: 'no key' };
  const unusable = await errorOf(observe({ broker: `mqtts://localhost:${broker.tlsPort}`, tls }).open('a'));
  expect(isSealMQError(unusable, 'USAGE_INVALID_ARGUMENT')).toBe(true);
});
