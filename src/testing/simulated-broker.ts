import { topicMatcher } from '../adapters/mqtt/topic-filter.js';
import type { PublishOptions, Transport } from '../ports/transport.js';
import { type BrokerEnd, type ClientEnd, Session } from './simulated-session.js';
import { SimulatedTransport } from './simulated-transport.js';
import { type Answer, HONEST, type Parcel, type Temper } from './temper.js';

/** Payloads kept of each retained topic. */
const RETAINED_HISTORY = 16;

/**
 * A broker in memory: sessions that outlive their connection, QoS 0 and 1, retained messages, and a temper. It waits for
 * nothing but timers, so that it runs under virtual time.
 */
export class SimulatedBroker implements BrokerEnd {
  readonly #sessions = new Map<string, Session>();
  readonly #retained = new Map<string, Uint8Array[]>();

  /** @param temper - may be replaced at any time */
  constructor(public temper: Temper = HONEST) {}

  /** A transport of the session `name`; the same name means the same session. Not opened. */
  create(name: string): Transport {
    return new SimulatedTransport(this, name);
  }

  /** Breaks every connection at this moment, or that of one session; new ones are possible at once. Wills are published. */
  interrupt(name?: string): void {
    for (const session of this.#sessions.values()) {
      if (name === undefined || session.name === name) session.client?.cut('interrupted');
    }
  }

  /** Passes a message on as it is, whatever the temper: what somebody publishes who is no client of this process. */
  inject(topic: string, payload: Uint8Array): void {
    this.#pass({ topic, payload, qos: 1 });
  }

  /** Messages that wait for their receivers. */
  get depth(): number {
    return [...this.#sessions.values()].reduce((sum, { queue }) => sum + queue.length, 0);
  }

  connect(name: string, client: ClientEnd): { session: Session; sessionPresent: boolean } | undefined {
    const known = this.#sessions.get(name);
    const welcome = this.temper.connecting(name, known !== undefined);
    if (!welcome) return undefined;
    const session = known ?? new Session(name);
    if (session.client !== client) session.client?.cut('taken over');
    if (welcome.forget) session.forget();
    session.client = client;
    this.#sessions.set(name, session);
    return { session, sessionPresent: welcome.sessionPresent };
  }

  subscribe(session: Session, filters: readonly string[]): void {
    session.subscribe(filters);
    const matches = topicMatcher(filters);
    for (const [topic, payloads] of this.#retained) {
      const payload = matches(topic) ? this.temper.retained(topic, payloads) : undefined;
      if (payload) session.enqueue({ topic, payload, qos: 1 });
    }
  }

  unsubscribe(session: Session, filters: readonly string[]): void {
    session.unsubscribe(filters);
  }

  publish(topic: string, payload: Uint8Array, { qos, retain = false }: PublishOptions): Answer {
    if (retain) this.#retain(topic, payload);
    const { dispatches, answer } = this.temper.published({ topic, payload: payload.slice(), qos });
    for (const { after, ...parcel } of dispatches) {
      if (after === 0) this.#pass(parcel);
      else setTimeout(() => this.#pass(parcel), after);
    }
    return answer;
  }

  #pass(parcel: Parcel): void {
    for (const session of this.#sessions.values()) if (session.wants(parcel.topic)) session.enqueue({ ...parcel });
  }

  #retain(topic: string, payload: Uint8Array): void {
    if (payload.length === 0) this.#retained.delete(topic);
    else this.#retained.set(topic, [...(this.#retained.get(topic) ?? []), payload.slice()].slice(-RETAINED_HISTORY));
  }
}
