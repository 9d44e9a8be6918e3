import type { Aedes, Client } from 'aedes';
import { internals, type QueuedPacket } from './at-least-once.js';
import type { QueueDatabase } from './ordered-level.js';

/**
 * Keeps in memory which message of its queue a packet identifier of a connection stands for. aedes stores it, by two more
 * copies of the message and two reads. With QoS 1 nothing is lost by that: who connects again gets what is still in the
 * queue, under fresh identifiers (`resumption.ts`). QoS 2 needs its identifiers to recognise a repetition.
 */
export function identifyInMemory(aedes: Aedes, database: QueueDatabase): void {
  const { persistence } = internals(aedes);
  const update = persistence.outgoingUpdate.bind(persistence);
  const clear = persistence.outgoingClearMessageId.bind(persistence);
  const connections = new WeakMap<Client, Map<number, string>>();

  /** Keys of the messages that a connection has not acknowledged, by identifier: 65,535 at most. */
  const inFlight = (client: Client): Map<number, string> => {
    const known = connections.get(client);
    if (known) return known;
    const fresh = new Map<number, string>();
    connections.set(client, fresh);
    return fresh;
  };

  persistence.outgoingUpdate = async (client, packet) => {
    const { cmd, qos, messageId, brokerId } = packet as QueuedPacket;
    if (cmd !== 'publish' || qos !== 1 || messageId === undefined || !brokerId) await update(client, packet);
    else inFlight(client).set(messageId, queueKey(client.id, packet as QueuedPacket));
  };
  persistence.outgoingClearMessageId = async (client, packet) => {
    const { messageId = 0 } = packet;
    const key = inFlight(client).get(messageId);
    if (key === undefined) return clear(client, packet);
    inFlight(client).delete(messageId);
    await database.del(key);
  };
}

/** Where `aedes-persistence-level` keeps a message of a client's queue. */
function queueKey(clientId: string, { brokerId, brokerCounter }: QueuedPacket): string {
  return `outgoing:${encodeURIComponent(clientId)}:${brokerId}:${String(brokerCounter).padStart(16, '0')}`;
}
