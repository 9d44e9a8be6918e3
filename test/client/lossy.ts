import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Transport } from '../../src/ports/transport.js';
import type { World } from './world.js';

/** A transport that loses what `loses` says: acknowledged like any other, but never published. */
export function lossy(world: World, loses: (topic: string, count: number) => boolean): Transport {
  const inner = mqttTransport({ broker: world.brokerUrl, clientId: `lossy-${Math.random().toString(36).slice(2)}` });
  const counts = new Map<string, number>();
  return {
    ...inner,
    publish: async (topic, payload, options) => {
      const count = (counts.get(topic) ?? 0) + 1;
      counts.set(topic, count);
      if (!loses(topic, count)) await inner.publish(topic, payload, options);
    },
  };
}
