import type { IPublishPacket, MqttClient } from 'mqtt';
import { utf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';

/** What becomes of a message after it was handed in: acknowledged; left unacknowledged; or left so, and nothing more read. */
export type Verdict = 'acknowledge' | 'skip' | 'stop';

/** Who takes the messages. */
export interface Receiver {
  owns(topic: string): boolean;
  /** Must not reject: a failure is a verdict too. */
  take(topic: string, payload: Uint8Array): Promise<Verdict>;
}

/**
 * Hands the client's incoming messages to `receiver` before they are acknowledged. Until the verdict the client reads nothing
 * else. Messages on other topics go on to the hook that was there before.
 *
 * @returns takes the hook away again
 */
export function hookIntake(client: MqttClient, receiver: Receiver): () => void {
  const replaced = Object.getOwnPropertyDescriptor(client, 'handleMessage');
  const before = client.handleMessage;
  const resolved = resolveAliases(client);
  let active = true;

  const hook: MqttClient['handleMessage'] = (packet, callback) => {
    const topic = resolved.topicOf(packet);
    if (!active || !receiver.owns(topic)) {
      before.call(client, packet, callback);
      return;
    }
    const { stream } = client;
    const { payload } = packet;
    const bytes = typeof payload === 'string' ? utf8(payload) : view(payload);
    void receiver.take(topic, bytes).then((verdict) => {
      // An acknowledgement belongs to its connection: on the next one the same packet id can be another message's.
      if (!client.connected || client.stream !== stream || verdict === 'stop') return;
      if (verdict === 'acknowledge') callback();
      else callback(new SealMQError('TRANSPORT_CLOSED', 'not taken'));
    });
  };
  client.handleMessage = hook;

  return () => {
    active = false;
    resolved.release();
    if (client.handleMessage !== hook) return;
    if (replaced === undefined) Reflect.deleteProperty(client, 'handleMessage');
    else Object.defineProperty(client, 'handleMessage', replaced);
  };
}

/** Runs the calls of `work` one after the other, across connections: a message that came again waits for its first handling. */
export function oneAtATime<A extends unknown[]>(work: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (...args) => {
    const result = last.then(() => work(...args));
    last = result.catch(() => {});
    return result;
  };
}

/** A packet whose topic is an alias (MQTT 5) has an empty topic; the `message` event before it has the real one. */
function resolveAliases(client: MqttClient): { topicOf(packet: IPublishPacket): string; release(): void } {
  let latest: { topic: string; packet: IPublishPacket } | undefined;
  const note = (topic: string, _payload: unknown, packet: IPublishPacket): void => {
    latest = { topic, packet };
  };
  client.on('message', note);
  return {
    topicOf: (packet) => (latest?.packet === packet ? latest.topic : packet.topic),
    release: () => client.off('message', note),
  };
}

function view(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
