import type { IPublishPacket, MqttClient } from 'mqtt';
import { utf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';

/** What becomes of a message after it was handed in: acknowledged; left unacknowledged; or left so, and nothing more read. */
export type Verdict = 'acknowledge' | 'skip' | 'stop';

/** Who takes the messages. */
export interface Receiver {
  owns(topic: string): boolean;
  /** Must neither throw nor reject: a failure is a verdict too. */
  take(topic: string, payload: Uint8Array): Verdict | Promise<Verdict>;
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
    const judged = (verdict: Verdict): void => {
      // An acknowledgement belongs to its connection: on the next one the same packet id can be another message's.
      if (!client.connected || client.stream !== stream || verdict === 'stop') return;
      if (verdict === 'acknowledge') callback();
      else callback(new SealMQError('TRANSPORT_CLOSED', 'not taken'));
    };
    const verdict = receiver.take(topic, bytes);
    if (typeof verdict === 'string') judged(verdict);
    else void verdict.then(judged);
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

/** `acknowledge`, as soon as `deliver` is through; what `failed` says when it throws or rejects. Waits for a promise only. */
export function verdictOf(
  deliver: () => Promise<void> | undefined,
  failed: (error: unknown) => Verdict,
): Verdict | Promise<Verdict> {
  try {
    return deliver()?.then(() => 'acknowledge' as const, failed) ?? 'acknowledge';
  } catch (error) {
    return failed(error);
  }
}

type Deliver = (topic: string, payload: Uint8Array) => Promise<void> | undefined;

/** Runs the calls of `work` one after the other, across connections: a message that came again waits for its first handling. */
export function oneAtATime(work: Deliver): Deliver {
  let last: Promise<void> | undefined;
  return (topic, payload) => {
    const result = last ? last.then(() => work(topic, payload)) : work(topic, payload);
    if (!result) return undefined;
    const mine = result
      .catch(() => {})
      .then(() => {
        if (last === mine) last = undefined;
      });
    last = mine;
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
