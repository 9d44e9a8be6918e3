import { expect, it } from 'vitest';
import type { ProtocolVersion } from '../../src/adapters/mqtt/mqtt-transport.js';
import { states } from '../../src/testing/observed-transport.js';
import { freePort, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { during, observe, url } from './fixture.js';
import { startProxy } from './proxy.js';

onMosquitto('speaks MQTT 5 where the broker does, and says so once', async () => {
  const broker = await during(startMosquitto());
  const proxy = await during(startProxy(broker.port));
  const told: ProtocolVersion[] = [];
  const subject = observe({ broker: url(proxy), onProtocolVersion: (version) => told.push(version) });
  await subject.open('a');
  proxy.cut();
  await subject.until(() => subject.states.length === 5);
  expect(proxy.levels).toEqual([5, 5]);
  expect(told).toEqual([5]);
});

it('falls back to 3.1.1 when the broker refuses the version, and stays there', async () => {
  const broker = await during(startAedes());
  const proxy = await during(startProxy(broker.port));
  const told: ProtocolVersion[] = [];
  const subject = observe({ broker: url(proxy), onProtocolVersion: (version) => told.push(version) });
  await subject.open('a');
  proxy.cut();
  await subject.until(() => subject.states.length === 5);
  expect(proxy.levels).toEqual([5, 4, 4]);
  expect(told).toEqual([4]);
  expect(states(subject)).toEqual(['connecting', 'connected', 'disconnected', 'connecting', 'connected']);
});

it('starts with the version it is told', async () => {
  const broker = await during(startAedes());
  const proxy = await during(startProxy(broker.port));
  const told: ProtocolVersion[] = [];
  const subject = observe({
    broker: url(proxy),
    protocolVersion: 4,
    onProtocolVersion: (version) => told.push(version),
  });
  await subject.open('a');
  expect(proxy.levels).toEqual([4]);
  expect(told).toEqual([]);
});

it('falls back although 5 was remembered, when the broker is another by now', async () => {
  const broker = await during(startAedes());
  const told: ProtocolVersion[] = [];
  const subject = observe({
    broker: url(broker),
    protocolVersion: 5,
    onProtocolVersion: (version) => told.push(version),
  });
  await subject.open('a');
  expect(told).toEqual([4]);
});

it('falls back when the broker hangs up on MQTT 5 without a word', async () => {
  const broker = await during(
    startAedes({
      preConnect(client, packet, done) {
        if (packet.protocolVersion === 4) done(null, true);
        else client.close();
      },
    }),
  );
  const proxy = await during(startProxy(broker.port));
  const subject = observe({ broker: url(proxy) });
  await subject.open('a');
  expect(proxy.levels).toEqual([5, 4]);
});

onMosquitto('settles nothing while whoever answers hangs up on both versions', async () => {
  const broker = await during(startMosquitto());
  const proxy = await during(startProxy(broker.port));
  const told: ProtocolVersion[] = [];
  const subject = observe({ broker: url(proxy), onProtocolVersion: (version) => told.push(version) });
  proxy.hangUpAt(1);
  const opened = subject.open('a');
  await subject.until(() => subject.states.length === 4);
  expect(told).toEqual([]);
  proxy.hangUpAt(0);
  await opened;
  expect(proxy.levels.slice(0, 2)).toEqual([5, 4]);
  expect(proxy.levels.at(-1)).toBe(told.at(-1));
  expect(told).toHaveLength(1);
});

onMosquitto('does not flap once the broker was heard to speak MQTT 5', async () => {
  const broker = await during(startMosquitto());
  const proxy = await during(startProxy(broker.port));
  const subject = observe({ broker: url(proxy) });
  await subject.open('a');
  proxy.hangUpAt(1);
  proxy.cut();
  await subject.until(() => states(subject).filter((state) => state === 'disconnected').length === 6);
  proxy.hangUpAt(0);
  await subject.until(() => states(subject).at(-1) === 'connected');
  expect(new Set(proxy.levels)).toEqual(new Set([5]));
});

onMosquitto('does not take a broker that is down for an old one', async () => {
  const port = await freePort();
  const told: ProtocolVersion[] = [];
  const subject = observe({ broker: url({ port }), onProtocolVersion: (version) => told.push(version) });
  const opened = subject.open('a');
  await subject.until(() => states(subject).filter((state) => state === 'disconnected').length === 4);
  await during(startMosquitto(`listener ${port} 127.0.0.1`));
  await opened;
  expect(told).toEqual([5]);
});
