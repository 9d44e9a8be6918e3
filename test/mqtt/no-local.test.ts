import { expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../src/bytes/bytes.js';
import { message, states } from '../../src/testing/observed-transport.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { during, observe, url } from './fixture.js';
import { startProxy } from './proxy.js';

const QOS1 = { qos: 1 } as const;

/** What comes of `own`, to which one subscribes without its own messages, and of `both`; before the connection was lost and after. */
async function echoes(start: () => Promise<Broker>) {
  const broker = await during(start());
  const proxy = await during(startProxy(broker.port));
  const [subject, other] = [observe({ broker: url(proxy) }), observe({ broker: url(broker) })];
  await Promise.all([subject.open('a'), other.open('nobody')]);
  await Promise.all([subject.transport.subscribe(['own'], { noLocal: true }), subject.transport.subscribe(['both'])]);
  const talk = async (body: string): Promise<void> => {
    for (const topic of ['own', 'both']) await subject.transport.publish(topic, utf8(`ours ${body}`), QOS1);
    for (const topic of ['own', 'both']) await other.transport.publish(topic, utf8(`theirs ${body}`), QOS1);
    await subject.until(
      () => JSON.stringify(subject.received.at(-1)) === JSON.stringify(message('both', `theirs ${body}`)),
    );
  };
  await talk('before');
  proxy.cut();
  await subject.until(() => states(subject).filter((state) => state === 'connected').length === 2);
  await talk('after');
  // A cut connection may take an acknowledgement along: the same comes twice then.
  return (topic: string) => [
    ...new Set(subject.received.filter((one) => one.topic === topic).map(({ bytes }) => text(bytes))),
  ];
}

const text = (bytes: readonly number[]) => fromUtf8(Uint8Array.from(bytes));
const all = ['ours before', 'theirs before', 'ours after', 'theirs after'];

onMosquitto('what we publish does not come back where we say so, over MQTT 5', async () => {
  const received = await echoes(startMosquitto);
  expect(received('own')).toEqual(['theirs before', 'theirs after']);
  expect(received('both')).toEqual(all);
});

it('everything comes back over MQTT 3.1.1, which knows no other way', async () => {
  const received = await echoes(startAedes);
  expect(received('own')).toEqual(all);
});
