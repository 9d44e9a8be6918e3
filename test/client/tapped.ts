import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Transport } from '../../src/ports/transport.js';
import type { World } from './world.js';

/** One message as a messenger handed it to its transport. */
export interface Published {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** Everything that a messenger publishes, on whatever topic and over whatever connection. */
export interface Tap {
  readonly published: readonly Published[];
  /** What went to `topic`. */
  to(topic: string): readonly Published[];
  /** A transport under the tap; each is another session at the broker. */
  transport(): Transport;
}

/** A tap on one messenger, over all its lives. @param heard - told of each message before it is on its way */
export function tap(world: World, heard: (one: Published) => void = () => {}): Tap {
  const published: Published[] = [];
  return {
    published,
    to: (topic) => published.filter((one) => one.topic === topic),
    transport() {
      const clientId = `tapped-${Math.random().toString(36).slice(2)}`;
      const inner = mqttTransport({ broker: world.brokerUrl, clientId });
      return {
        ...inner,
        publish(topic, payload, options) {
          const one = { topic, payload: payload.slice() };
          published.push(one);
          heard(one);
          return inner.publish(topic, payload, options);
        },
      };
    },
  };
}
