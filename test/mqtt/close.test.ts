import { expect, it } from 'vitest';
import { isSealMQError } from '../../src/errors.js';
import { gate, type Observed, states } from '../../src/testing/observed-transport.js';
import { freePort, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { during, errorOf, observe, url } from './fixture.js';
import { startProxy } from './proxy.js';
import { startScript } from './script.js';

/** How many timers and outgoing sockets this process has. The runner's own timers come and go, downwards while a test runs. */
function held(): number {
  const ours = ['Timeout', 'TCPSocketWrap', 'TLSWrap', 'TCPConnectWrap'];
  return process.getActiveResourcesInfo().filter((resource) => ours.includes(resource)).length;
}

/** Closes, and shows that nothing of the transport outlives it. */
async function closeCleanly(subject: Observed, before: number): Promise<void> {
  await subject.transport.close();
  // Sockets are gone a few turns later; what stays for ever fails the test by its time limit.
  while (held() > before) await new Promise((resolve) => setImmediate(resolve));
  expect(states(subject).at(-1)).toBe('closed');
}

it('leaves nothing behind when it waits between attempts', async () => {
  const port = await freePort();
  const before = held();
  const subject = observe({ broker: url({ port }), random: () => 1 });
  const opened = errorOf(subject.open('a'));
  await subject.until(() => states(subject).at(-1) === 'disconnected');
  await closeCleanly(subject, before);
  expect(isSealMQError(await opened, 'TRANSPORT_CLOSED')).toBe(true);
});

it('leaves nothing behind when credentials are awaited', async () => {
  const before = held();
  const subject = observe({ broker: 'mqtt://127.0.0.1:1', credentials: () => gate().open.then(() => ({})) });
  const opened = errorOf(subject.open('a'));
  await subject.until(() => states(subject).at(-1) === 'connecting');
  await closeCleanly(subject, before);
  expect(isSealMQError(await opened, 'TRANSPORT_CLOSED')).toBe(true);
});

it.each(['mqtt', 'ws', 'mqtts', 'wss'])('leaves nothing behind when %s waits for the other side', async (scheme) => {
  const silence = await during(startScript());
  const before = held();
  const subject = observe({ broker: `${scheme}://127.0.0.1:${silence.port}` });
  const opened = errorOf(subject.open('a'));
  await silence.heard();
  await closeCleanly(subject, before);
  expect(isSealMQError(await opened, 'TRANSPORT_CLOSED')).toBe(true);
});

onMosquitto('leaves nothing behind when it was connected', async () => {
  const broker = await during(startMosquitto());
  const before = held();
  const subject = observe({ broker: url(broker) });
  await subject.open('a');
  await closeCleanly(subject, before);
});

it('can be paused and resumed before it is open', async () => {
  const broker = await during(startAedes());
  const token = gate();
  const subject = observe({ broker: url(broker), credentials: () => token.open.then(() => ({})) });
  const opened = subject.open('a');
  await subject.until(() => states(subject).at(-1) === 'connecting');
  await subject.transport.pause();
  token.pass();
  subject.transport.resume();
  await opened;
  expect(states(subject)).toEqual(['connecting', 'disconnected', 'connecting', 'connected']);
});

it('closes while a publish has no answer and a message is being handled', async () => {
  const broker = await during(startAedes());
  const proxy = await during(startProxy(broker.port));
  const handling = gate();
  const subject = observe({ broker: url(proxy) }, () => handling.open);
  const sender = observe({ broker: url(broker) });
  await Promise.all([subject.open('a'), sender.open('nobody')]);
  await sender.transport.publish('a', Uint8Array.of(1), { qos: 1 });
  await subject.until(() => subject.received.length === 1);
  proxy.mute(true);
  const published = errorOf(subject.transport.publish('a', Uint8Array.of(2), { qos: 1 }));
  await subject.transport.close();
  expect(isSealMQError(await published, 'TRANSPORT_CLOSED')).toBe(true);
  expect(states(subject).at(-1)).toBe('closed');
  handling.pass();
});

it('closes although the other side reads no more', async () => {
  const connack = Uint8Array.of(0x20, 0x03, 0, 0, 0);
  const stuck = await during(startScript(connack, { deaf: true }));
  const subject = observe({ broker: url(stuck) });
  const opened = errorOf(subject.open('a'));
  await subject.until(() => states(subject).at(-1) === 'connected');
  const published = errorOf(subject.transport.publish('a', new Uint8Array(20_000_000), { qos: 1 }));
  await subject.transport.close();
  expect(isSealMQError(await published, 'TRANSPORT_CLOSED')).toBe(true);
  expect(isSealMQError(await opened, 'TRANSPORT_CLOSED')).toBe(true);
});

onMosquitto('can be paused from within the message handler, which then rejects', async () => {
  const broker = await during(startMosquitto());
  let full = true;
  const sender = observe({ broker: url(broker) });
  const subject = observe({ broker: url(broker) }, async () => {
    if (!full) return;
    await subject.transport.pause();
    throw new RangeError('the inbox is full');
  });
  await Promise.all([subject.open('a'), sender.open('nobody')]);
  await sender.transport.publish('a', Uint8Array.of(1), { qos: 1 });
  await subject.until(() => states(subject).at(-1) === 'disconnected');
  full = false;
  subject.transport.resume();
  await subject.until(() => subject.received.length === 2);
  expect(states(subject)).toEqual(['connecting', 'connected', 'disconnected', 'connecting', 'connected']);
});
