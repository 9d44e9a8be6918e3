import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Aedes, AedesPublishPacket, Client } from 'aedes';
import { internals, type QueuedPacket, type UnderWay } from './at-least-once.js';

/** A client that is being sent what was queued while it was away. */
interface Resumption {
  readonly client: Client;
  /** A message was held back and is still to be sent. */
  pending: boolean;
  /** Names of the messages out of the queue that wait in the streams of aedes. */
  readonly waiting: Set<string>;
  /** Called when aedes sends one of them, or when there is nobody to send to. */
  progressed: () => void;
}

/** Keeps clients that resume in order. */
export interface Resumptions {
  /** A client with a session was let in. */
  begin(client: Client): void;
  /** Whether a message that is offered to a client live will come to it out of its queue instead. */
  holdsBack(client: Client, packet: AedesPublishPacket): boolean;
}

/**
 * Sends a client that comes back its queue first, and what arrives meanwhile behind it. aedes sends new messages at once,
 * even ahead of CONNACK, so that the receiver sees gaps where there are none.
 *
 * Messages of QoS 1 get packet identifiers of the new connection. aedes repeats the old ones, and also gives them to new
 * messages: one acknowledgement then removes the other message.
 */
export function resumeInOrder(aedes: Aedes, { isQueuedFor }: UnderWay): Resumptions {
  const { persistence } = internals(aedes);
  const stream = persistence.outgoingStream.bind(persistence);
  const update = persistence.outgoingUpdate.bind(persistence);
  const resuming = new Map<string, Resumption>();

  const end = (client: Client): void => {
    const resumption = resuming.get(client.id);
    if (resumption?.client !== client) return;
    resuming.delete(client.id);
    resumption.progressed();
  };

  // The streams of aedes read ahead: what they hold is not with the client yet, and a live message would overtake it.
  const sent = async (resumption: Resumption): Promise<void> => {
    while (resumption.waiting.size > 0 && resuming.get(resumption.client.id) === resumption) {
      await new Promise<void>((resolve) => {
        resumption.progressed = resolve;
      });
    }
    await setImmediate();
  };

  async function* backlog(client: Client): AsyncGenerator<QueuedPacket> {
    const resumption = resuming.get(client.id);
    let last = '';
    try {
      do {
        if (resumption) resumption.pending = false;
        for await (const packet of stream(client)) {
          const name = nameOf(packet);
          if (name <= last) continue;
          last = name;
          resumption?.waiting.add(name);
          yield withFreshId(packet);
        }
        if (resumption) await sent(resumption);
      } while (resumption?.pending);
    } finally {
      end(client);
    }
  }
  persistence.outgoingStream = (client) => Readable.from(backlog(client));
  // The last thing that aedes does before it writes a message of the queue to the client.
  persistence.outgoingUpdate = async (client, packet) => {
    await update(client, packet);
    const resumption = resuming.get(client.id);
    if (resumption?.client !== client) return;
    if (resumption.waiting.delete(nameOf(packet as QueuedPacket))) resumption.progressed();
  };

  return {
    begin: (client) => {
      if (client.clean || client.closed) return;
      resuming.set(client.id, { client, pending: false, waiting: new Set(), progressed: () => {} });
      client.conn.once('close', () => end(client));
    },
    holdsBack: (client, { brokerCounter }) => {
      const resumption = resuming.get(client.id);
      if (resumption?.client !== client || !isQueuedFor(client, brokerCounter)) return false;
      resumption.pending = true;
      return true;
    },
  };
}

/** Sorts as the queue does. */
function nameOf({ brokerId, brokerCounter }: QueuedPacket): string {
  return `${brokerId}:${String(brokerCounter).padStart(16, '0')}`;
}

/** QoS 2 needs its identifier to recognise a repetition. */
function withFreshId(packet: QueuedPacket): QueuedPacket {
  const { messageId, ...rest } = packet;
  return packet.cmd === 'publish' && packet.qos === 1 ? rest : packet;
}
