import type { Aedes, AedesPublishPacket, Client, PublishPacket, Subscription } from 'aedes';

/**
 * Where aedes 1.2 falls short of at-least-once delivery, and what is done about it. Each piece has a test, so that one
 * which a later aedes makes needless, or breaks, shows. What concerns a client that resumes is in `resumption.ts`.
 */

/** The part of aedes' persistence that is touched. */
export interface Persistence {
  subscriptionsByTopic(topic: string): Promise<QueueOwner[]>;
  addSubscriptions(client: Client, subscriptions: readonly Subscription[]): Promise<void>;
  outgoingEnqueueCombi(owners: readonly QueueOwner[], packet: PublishPacket): Promise<unknown>;
  outgoingUpdate(client: Client, packet: AedesPublishPacket): Promise<void>;
  /** A message was acknowledged: it leaves the queue. */
  outgoingClearMessageId(client: Client, packet: { readonly messageId?: number }): Promise<unknown>;
  outgoingStream(client: Client): AsyncIterable<QueuedPacket>;
  storeRetained(packet: PublishPacket): Promise<void>;
}

/** A stored subscription, as far as it says whose queue a message goes to. */
export interface QueueOwner {
  readonly clientId: string;
  readonly qos: number;
}

/** A packet with the name under which queues keep it: the broker's id, which ascends from life to life, and a counter. */
export type QueuedPacket = AedesPublishPacket & { readonly brokerId: string; readonly brokerCounter: number };

/** What aedes has and does not declare. */
interface Internals {
  readonly persistence: Persistence;
  counter: number;
}

/** aedes with {@link Internals} in sight. */
export const internals = (aedes: Aedes): Aedes & Internals => aedes as Aedes & Internals;

/** Messages that are stored and on their way to the receivers that are connected. */
export interface UnderWay {
  /** Stores a message; it must not be acknowledged before this settles. */
  store(packet: PublishPacket): Promise<void>;
  /** Whether a message that is on its way is in the client's queue, too. */
  isQueuedFor(client: Client, counter: number): boolean;
}

/** How far counters may run ahead of a message whose publisher vanished before aedes came to it. */
const MAX_AHEAD = 100_000;

/**
 * Puts messages of QoS 1 and 2 into every queue they belong to before they are acknowledged. aedes sends PUBACK first and
 * stores afterwards: a process killed in between would have promised a message that is nowhere.
 */
export function storeBeforeAcknowledging(aedes: Aedes): UnderWay {
  const broker = internals(aedes);
  const { persistence } = broker;
  const enqueue = persistence.outgoingEnqueueCombi.bind(persistence);
  const underWay = new Map<number, readonly QueueOwner[]>();

  // aedes' own turn comes after the acknowledgement, when a receiver may have had the message and confirmed it.
  persistence.outgoingEnqueueCombi = async (owners, packet) => {
    if (!underWay.has((packet as QueuedPacket).brokerCounter)) await enqueue(owners, packet);
  };
  aedes.published = (packet, _client, done) => {
    underWay.delete(packet.brokerCounter);
    done();
  };

  return {
    store: async (packet) => {
      broker.counter += 1;
      const counter = broker.counter;
      Object.assign(packet, { brokerId: aedes.id, brokerCounter: counter });
      // Those of QoS 0 are delivered without acknowledgement, and so would stay in the queue.
      const owners = (await persistence.subscriptionsByTopic(packet.topic)).filter(({ qos }) => qos > 0);
      const share = (qos: 1 | 2) =>
        enqueue(
          owners.filter((owner) => Math.min(owner.qos, packet.qos) === qos),
          { ...packet, qos },
        );
      await Promise.all([packet.retain && persistence.storeRetained(packet), share(1), packet.qos === 2 && share(2)]);
      underWay.set(counter, owners);
      underWay.delete(counter - MAX_AHEAD);
    },
    isQueuedFor: (client, counter) => underWay.get(counter)?.some(({ clientId }) => clientId === client.id) ?? false,
  };
}

/**
 * Lets a message through whose counter is lower than that of the last one. aedes drops it as a repetition, although it is
 * merely late (a message of QoS 0 overtakes one of QoS 1 that is being stored), and it lies in the queue until the
 * receiver happens to reconnect.
 */
export function acceptAnyOrder(aedes: Aedes, client: Client): void {
  const { duplicates } = client as Client & { duplicates: Record<string, number> };
  Object.defineProperty(duplicates, aedes.id, { get: () => 0, set: () => {}, configurable: true });
}

/**
 * What {@link acceptAnyOrder} gives up, done exactly: a client with overlapping filters gets one copy. aedes offers the
 * copies of one message back to back.
 *
 * @returns whether a message that is offered to a client is another copy
 */
export function anotherCopy(): (client: Client, packet: AedesPublishPacket) => boolean {
  const lastOffered = new WeakMap<Client, number>();
  return (client, { brokerCounter }) => {
    if (lastOffered.get(client) === brokerCounter) return true;
    lastOffered.set(client, brokerCounter);
    return false;
  };
}

/**
 * Delivers a message that is not in the receiver's queue, because it was published in the moment of its subscribing, or
 * was acknowledged before a copy came by. aedes closes the receiver's connection instead.
 */
export function tolerateUnqueued(aedes: Aedes): void {
  const { persistence } = internals(aedes);
  const update = persistence.outgoingUpdate.bind(persistence);
  persistence.outgoingUpdate = async (client, packet) => {
    try {
      await update(client, packet);
    } catch (error) {
      if (!(error instanceof Error && error.message === 'no such packet')) throw error;
    }
  };
}

/**
 * Stores of a SUBSCRIBE packet what was granted. aedes stores all of it as soon as one filter is allowed, and then fills
 * the queues of the denied ones, too.
 */
export function storeOnlyGranted(aedes: Aedes, granted: WeakSet<Subscription>): void {
  const { persistence } = internals(aedes);
  const add = persistence.addSubscriptions.bind(persistence);
  persistence.addSubscriptions = (client, subscriptions) =>
    add(
      client,
      subscriptions.filter((subscription) => granted.has(subscription)),
    );
}
