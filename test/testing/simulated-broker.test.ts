import { describe, expect, it, test } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.js';
import { message, observeTransport } from '../../src/testing/observed-transport.js';
import { SimulatedBroker } from '../../src/testing/simulated-broker.js';
import { transportContract } from '../../src/testing/transport-contract.js';

transportContract(
  'a transport of the simulated broker',
  async () => {
    const broker = new SimulatedBroker();
    return {
      create: (session) => broker.create(session),
      interrupt: () => broker.interrupt(),
      release: async () => {},
    };
  },
  { describe, it, deepEqual: (a, b) => expect(a).toEqual(b) },
);

test('what is retained comes with the subscription, until it is taken back', async () => {
  const broker = new SimulatedBroker();
  const publisher = observeTransport(broker.create('publisher'));
  await publisher.open('nothing');
  const retain = (topic: string, text: string) =>
    publisher.transport.publish(topic, utf8(text), { qos: 1, retain: true });
  await retain('state/a', 'old');
  await retain('state/a', 'new');
  await retain('state/b', 'gone');
  await retain('state/b', '');
  await publisher.transport.publish('state/c', utf8('not retained'), { qos: 1 });
  const late = observeTransport(broker.create('late'));
  await late.open('state/+');
  await retain('state/d', 'live');
  await late.until(() => late.received.length >= 2);
  expect(late.received).toEqual([message('state/a', 'new'), message('state/d', 'live')]);
});

test('a will is published when the connection breaks, and not at a farewell', async () => {
  const broker = new SimulatedBroker();
  const witness = observeTransport(broker.create('witness'));
  await witness.open('will/+');
  const transports = ['breaks', 'leaves'].map((name) => ({ name, transport: broker.create(name) }));
  for (const { name, transport } of transports) {
    const handlers = { message: async () => {}, connection: () => {} };
    await transport.open([], { ...handlers, will: async () => ({ topic: `will/${name}`, payload: utf8('gone') }) });
  }
  await transports[1]?.transport.close();
  broker.interrupt();
  await witness.until(() => witness.received.length > 0);
  expect(witness.received).toEqual([message('will/breaks', 'gone')]);
});
