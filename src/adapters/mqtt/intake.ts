import type { IPublishPacket, MqttClient } from 'mqtt';
import { utf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import { createHandovers, type Handovers, type Verdict } from './handovers.js';

/** Who takes the messages. */
export interface Receiver {
  owns(topic: string): boolean;
  /** Must neither throw nor reject: a failure is a verdict too. */
  take(topic: string, payload: Uint8Array): Verdict | Promise<Verdict>;
}

/** Told to the client so that it reads on and acknowledges nothing: we do that ourselves, when it is time. */
const READ_ON = new SealMQError('TRANSPORT_CLOSED', 'not acknowledged yet');

/**
 * Hands the client's incoming messages to `receiver` before they are acknowledged, a bounded number of them at a time, and
 * acknowledges them in their order. Messages on other topics go on to the hook that was there before, behind ours.
 *
 * @param most - messages that may be in hand at a time
 * @returns takes the hook away again
 */
export function hookIntake(client: MqttClient, receiver: Receiver, most?: number): () => void {
  const replaced = Object.getOwnPropertyDescriptor(client, 'handleMessage');
  const before = client.handleMessage;
  const resolved = resolveAliases(client);
  let active = true;
  let handovers: Handovers | undefined;

  const take = (topic: string, packet: IPublishPacket, callback: (error?: Error) => void, handovers: Handovers) => {
    const bytes = bytesOf(packet);
    const verdict = receiver.take(topic, bytes);
    const judged = (settled: Verdict) => {
      if (client.connected && settled !== 'stop') callback(settled === 'skip' ? READ_ON : undefined);
    };
    if (typeof verdict === 'string' && (handovers.idle || packet.qos !== 1)) return judged(verdict);
    const [later, size] = [Promise.resolve(verdict), bytes.length];
    const id = packet.qos === 1 ? packet.messageId : undefined;
    if (packet.qos < 2) return handovers.add({ id, size }, later, () => callback(READ_ON));
    // Of QoS 2, which an application's own client may have asked for, the client keeps account.
    handovers.add({ id, size }, later, () => {});
    void later.then(judged);
  };

  const hook: MqttClient['handleMessage'] = (packet, callback) => {
    if (handovers?.stream !== client.stream) handovers = createHandovers(client, most);
    const topic = resolved.topicOf(packet);
    if (active && receiver.owns(topic)) take(topic, packet, callback, handovers);
    else if (handovers.idle) before.call(client, packet, callback);
    else handovers.behind(() => before.call(client, packet, callback));
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

function bytesOf({ payload }: IPublishPacket): Uint8Array {
  if (typeof payload === 'string') return utf8(payload);
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
}
