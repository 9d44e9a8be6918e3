import { topicMatcher } from '../adapters/mqtt/topic-filter.js';
import { SealMQError } from '../errors.js';
import type {
  ConnectionState,
  DisconnectCause,
  PublishOptions,
  Transport,
  TransportHandlers,
  Will,
} from '../ports/transport.js';
import type { BrokerEnd, ClientEnd, Session } from './simulated-session.js';
import type { Parcel } from './temper.js';

/** Milliseconds before the next attempt to connect: the first, and the most it doubles to. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 5000;

/** Messages that may be handed in and not through yet. */
const MOST_IN_HAND = 8;

/** One connection: packets of either direction arrive in their order. */
class Link {
  readonly pending = new Set<(error: SealMQError) => void>();
  /** Handed in on this connection already. */
  readonly tried = new Set<Parcel>();
  /** Handed in and not acknowledged, in order. */
  readonly inHand: { readonly parcel: Parcel; taken: boolean }[] = [];
  open = true;
  #lastUp = 0;
  #lastDown = 0;

  constructor(
    readonly session: Session,
    readonly will: Will | undefined,
  ) {}

  up(delay: number, arrive: () => void): void {
    this.#lastUp = this.#after(Math.max(this.#lastUp, performance.now() + delay), arrive);
  }

  down(delay: number, arrive: () => void): void {
    this.#lastDown = this.#after(Math.max(this.#lastDown, performance.now() + delay), arrive);
  }

  #after(at: number, arrive: () => void): number {
    const action = () => {
      if (this.open) arrive();
    };
    const wait = at - performance.now();
    if (wait <= 0) queueMicrotask(action);
    else setTimeout(action, wait);
    return at;
  }
}

/** The client's end of a session at a `SimulatedBroker`. */
export class SimulatedTransport implements Transport, ClientEnd {
  readonly #broker: BrokerEnd;
  readonly #name: string;
  #phase: 'new' | 'on' | 'paused' | 'closed' = 'new';
  /** What `open` was told, what came later, and what the broker is still to be told of. */
  #filters = new Set<string>();
  readonly #removed = new Set<string>();
  #owns = topicMatcher([]);
  #waiting: { resolve(): void; reject(error: SealMQError): void }[] = [];
  #handlers: TransportHandlers = { message: async () => {}, connection: () => {} };
  #link: Link | undefined;
  #handing = 0;
  #pause = FIRST_PAUSE;
  #attempt: ReturnType<typeof setTimeout> | undefined;

  constructor(broker: BrokerEnd, name: string) {
    this.#broker = broker;
    this.#name = name;
  }

  open(filters: readonly string[], handlers: TransportHandlers): Promise<void> {
    if (this.#phase !== 'new') return Promise.reject(new SealMQError('USAGE_CLOSED', 'a transport is opened once'));
    this.#handlers = handlers;
    const opened = this.subscribe(filters);
    this.#start();
    return opened;
  }

  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    const link = this.#link;
    if (!link) return Promise.reject(new SealMQError('TRANSPORT_CLOSED', 'not connected'));
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        link.pending.delete(reject);
        settle();
      };
      link.pending.add(reject);
      link.up(this.#broker.temper.latency(), () => {
        const answer = this.#broker.publish(topic, payload, options);
        if (this.#cutByBroker(link)) return;
        if (options.qos === 0) return end(resolve);
        if (answer === 'silence') return;
        const refused = new SealMQError('TRANSPORT_REFUSED', 'the broker says no');
        link.down(this.#broker.temper.latency(), () => end(answer === 'refuse' ? () => reject(refused) : resolve));
      });
    });
  }

  async subscribe(filters: readonly string[]): Promise<void> {
    if (this.#phase === 'closed') throw new SealMQError('TRANSPORT_CLOSED', 'closed');
    for (const filter of filters) this.#filters.add(filter);
    this.#owns = topicMatcher([...this.#filters]);
    if (this.#link) this.#broker.subscribe(this.#link.session, filters);
    else await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    for (const filter of filters) {
      this.#filters.delete(filter);
      this.#removed.add(filter);
    }
    this.#owns = topicMatcher([...this.#filters]);
    if (this.#link) this.#tellRemoved(this.#link);
  }

  async pause(): Promise<void> {
    if (this.#phase !== 'on') return;
    this.#phase = 'paused';
    this.#disconnect('paused', 'on purpose');
  }

  resume(): void {
    if (this.#phase === 'paused') this.#start();
  }

  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#disconnect('closed', 'closed');
    for (const { reject } of this.#waiting.splice(0)) reject(new SealMQError('TRANSPORT_CLOSED', 'closed'));
    this.#report({ state: 'closed' });
  }

  cut(reason: string): void {
    this.#lose('network', reason);
  }

  wake(): void {
    const link = this.#link;
    if (link && this.#handing < MOST_IN_HAND) link.down(this.#broker.temper.latency(), () => void this.#hand(link));
  }

  #start(): void {
    this.#phase = 'on';
    this.#report({ state: 'connecting' });
    this.#attempt = setTimeout(() => void this.#connect(), Math.max(1, this.#broker.temper.latency()));
  }

  #tellRemoved({ session }: Link): void {
    this.#broker.unsubscribe(session, [...this.#removed]);
    this.#removed.clear();
  }

  #retry(): void {
    this.#attempt = setTimeout(() => this.#start(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  async #connect(): Promise<void> {
    const will = await this.#handlers.will?.();
    if (this.#phase !== 'on' || this.#link) return;
    const met = this.#broker.connect(this.#name, this);
    if (!met) {
      this.#report({ state: 'disconnected', cause: 'refused', reason: 'turned away' });
      this.#retry();
      return;
    }
    const { session, sessionPresent } = met;
    this.#link = new Link(session, will);
    this.#pause = FIRST_PAUSE;
    this.#tellRemoved(this.#link);
    // Each time: a broker may have lost them and not say so.
    this.#broker.subscribe(session, [...this.#filters]);
    this.#report({ state: 'connected', sessionPresent });
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    this.wake();
  }

  #disconnect(cause: DisconnectCause, reason: string): void {
    clearTimeout(this.#attempt);
    const link = this.#link;
    if (!link) return;
    this.#link = undefined;
    link.open = false;
    if (link.session.client === this) link.session.client = undefined;
    for (const reject of link.pending) reject(new SealMQError('TRANSPORT_CLOSED', reason));
    this.#report({ state: 'disconnected', cause, reason });
  }

  /** Hands in what waits, in order; what is refused waits for the next connection. */
  async #hand(link: Link): Promise<void> {
    if (this.#handing >= MOST_IN_HAND || this.#link !== link) return;
    const parcel = link.session.queue.find((one) => !link.tried.has(one));
    if (!parcel || this.#cutByBroker(link)) return;
    link.tried.add(parcel);
    const handed = { parcel, taken: false };
    link.inHand.push(handed);
    this.#handing++;
    this.wake();
    handed.taken = (await this.#take(parcel)) || parcel.qos === 0;
    this.#handing--;
    if (!link.open) return this.wake();
    if (handed.taken) this.#acknowledge(link);
    else this.#lose('not-taken', 'a message was not taken');
    this.wake();
  }

  /** What is through, up to the first message that is not. */
  #acknowledge(link: Link): void {
    while (link.inHand[0]?.taken) {
      const { parcel } = link.inHand.shift() as { parcel: Parcel };
      link.session.acknowledged(parcel);
      link.tried.delete(parcel);
    }
  }

  #lose(cause: DisconnectCause, reason: string): void {
    const link = this.#link;
    if (!link) return;
    this.#disconnect(cause, reason);
    if (link.will) this.#broker.publish(link.will.topic, link.will.payload, { qos: 1 });
    if (this.#phase === 'on') this.#retry();
  }

  /** Whether it may be acknowledged; what was taken back meanwhile may. */
  async #take({ topic, payload }: Parcel): Promise<boolean> {
    if (!this.#owns(topic)) return true;
    try {
      await this.#handlers.message(topic, payload.slice());
      return true;
    } catch {
      return false;
    }
  }

  #cutByBroker(link: Link): boolean {
    if (!this.#broker.temper.cuts(link.session.name)) return false;
    this.cut('the broker hung up');
    return true;
  }

  #report(state: ConnectionState): void {
    this.#handlers.connection(state);
  }
}
