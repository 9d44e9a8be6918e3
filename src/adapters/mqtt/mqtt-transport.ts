import mqtt from 'mqtt';
import { SealMQError } from '../../errors.js';
import type { Transport } from '../../ports/transport.js';
import { DialledTransport } from './dialled-transport.js';
import { connectTimeout, dialOptions, type MqttTransportOptions } from './options.js';
import { SharedTransport } from './shared-transport.js';

export type { Credentials, MqttTransportOptions, PassingCredentials, ProtocolVersion, TlsOptions } from './options.js';

/**
 * The port {@link Transport} over MQTT 5 or, where the broker does not speak it, 3.1.1.
 *
 * Given one or several addresses it makes its own connections: session kept (clean start off, the longest expiry), QoS 1,
 * attempts repeated for ever with jittered back-off of up to 30 s. Nothing is queued or resent here: a publish that is not
 * acknowledged when the connection ends rejects with `TRANSPORT_CLOSED`, and the outbox sends it again on `connected`. An
 * `open` that rejected with `TRANSPORT_TIMEOUT` goes on trying until `close`; after `TRANSPORT_REFUSED` it is closed.
 *
 * Given an application's own client, made with `manualConnect: true` and not yet connected, it connects that client and
 * shares it. All options stay the application's. To keep mail while away give it `clean: false`, a client id that is stored
 * and secret, in MQTT 5 a `sessionExpiryInterval`; with the library's default of `clean: true` the broker queues nothing, and
 * only senders that wait for receipts will send again. Leave `reconnectPeriod` above 0: a message that cannot be stored ends
 * the connection, so that it comes again; and set `reconnectOnConnackError`, or one denial ends its reconnecting. The client's `message` event shows our messages too, sealed. `pause` leaves
 * messages unacknowledged without disconnecting; `close` lets go of the client without ending it, and from then on the client
 * acknowledges our mail unseen: end it, if mail is to wait at the broker. Its will is its own, too: with one of ours `open` throws.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for options nobody can connect with, `USAGE_CLIENT_CONNECTED` (also from `open`) for a
 * client that is connected or connecting already
 */
export function mqttTransport(options: MqttTransportOptions): Transport {
  const { broker } = options;
  const transport =
    typeof broker === 'string' || isList(broker)
      ? new DialledTransport(dialOptions(options, broker))
      : new SharedTransport(broker, connectTimeout(options));
  return {
    async open(filters, handlers) {
      // Who only publishes needs none.
      if (filters.length > 0) assertFilters(filters);
      return transport.open(filters, handlers);
    },
    async subscribe(filters, options) {
      assertFilters(filters);
      return transport.subscribe(filters, options);
    },
    unsubscribe: (filters) => transport.unsubscribe(filters),
    publish: (topic, payload, how) => transport.publish(topic, payload, how),
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    close: () => transport.close(),
  };
}

function assertFilters(filters: readonly string[]): void {
  const invalid = mqtt.validateTopics([...filters]);
  if (invalid !== null) throw new SealMQError('USAGE_INVALID_ARGUMENT', `not a topic filter: ${invalid}`);
}

function isList(broker: MqttTransportOptions['broker']): broker is readonly string[] {
  return Array.isArray(broker);
}
