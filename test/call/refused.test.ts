import { expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import { SealMQError } from '../../src/errors.js';
import type { Transport } from '../../src/ports/transport.js';
import { createWorld, next } from '../client/world.js';
import { breakable } from './breakable.js';
import { connect, first, MQTT, ringing } from './talking.js';

/** A connection on which the broker refuses what we say to others in calls. */
interface Refusing extends Transport {
  /** How many more are let through, and how many are refused then. */
  through: number;
  refused: number;
}

function refusing(broker: string): Refusing {
  const inner = mqttTransport({ broker, clientId: 'alice' });
  return {
    ...inner,
    through: 0,
    refused: 0,
    publish(topic, ...rest) {
      if (!topic.endsWith('/signal') || this.through-- > 0 || this.refused-- <= 0) return inner.publish(topic, ...rest);
      return Promise.reject(new SealMQError('TRANSPORT_REFUSED', 'quota'));
    },
  };
}

async function scene(calls: CallOptions = MQTT) {
  const world = await createWorld();
  const transport = refusing(world.brokerUrl);
  const alice = await world.join('alice', { calls, broker: transport });
  const warned = next(alice, 'warning', ({ code }) => code === 'TRANSPORT_REFUSED');
  return { alice, bob: await world.join('bob', { calls }), transport, warned };
}

test.each([
  ['a dial', 0],
  ['an answer', 1],
])('%s that the broker refuses ends the call at once', async (_frame, through) => {
  const { alice, bob, transport, warned } = await scene();
  Object.assign(transport, { through, refused: 1 });
  bob.on('call', (incoming) => void incoming.accept().catch(() => {}));
  await expect(alice.call('bob')).rejects.toMatchObject({ code: 'CALL_FAILED' });
  await warned;
});

test('a call goes on when the broker refuses that a new way is asked for, which is done again', async () => {
  const rtc = breakable(nodeDataChannelRtc());
  const { alice, bob, transport, warned } = await scene({ rtc, fallbackAfter: 60_000 });
  const [a, b] = await connect(alice, bob);
  expect(a.path).toBe('direct');
  transport.refused = 1;
  rtc.break();
  await warned;
  const heard = first(b);
  await a.send('all the same');
  expect(await heard).toBe('all the same');
});

test('a call is over, though the broker refuses the word of it', async () => {
  const { alice, bob, transport, warned } = await scene();
  const abort = new AbortController();
  const calling = alice.call('bob', { signal: abort.signal });
  await ringing(bob);
  transport.refused = 1;
  abort.abort();
  await expect(calling).rejects.toMatchObject({ code: 'CALL_ENDED' });
  await warned;
});
