import { topicMatcher } from '../adapters/mqtt/topic-filter.js';
import type { PublishOptions } from '../ports/transport.js';
import type { Answer, Parcel, Temper } from './temper.js';

/** The client's end of a connection, as the broker sees it. */
export interface ClientEnd {
  /** Breaks the connection, as a network does; the next one is made by itself. */
  cut(reason: string): void;
  /** There is something in the session's queue. */
  wake(): void;
}

/** The broker's end, as a client sees it. */
export interface BrokerEnd {
  readonly temper: Temper;
  /** A client has come; its end is told what it says. `undefined`: it is turned away. */
  connect(name: string, client: ClientEnd): { session: Session; sessionPresent: boolean } | undefined;
  subscribe(session: Session, filters: readonly string[]): void;
  unsubscribe(session: Session, filters: readonly string[]): void;
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Answer;
}

/** What a broker knows of one client. */
export class Session {
  /** Messages without acknowledgement, oldest first. */
  readonly queue: Parcel[] = [];
  #filters: readonly string[] = [];
  #matches = topicMatcher([]);
  /** The client's end, while it is connected. */
  client: ClientEnd | undefined;

  constructor(readonly name: string) {}

  forget(): void {
    this.#filter([]);
    this.queue.length = 0;
  }

  subscribe(filters: readonly string[]): void {
    this.#filter([...new Set([...this.#filters, ...filters])]);
  }

  unsubscribe(filters: readonly string[]): void {
    this.#filter(this.#filters.filter((filter) => !filters.includes(filter)));
  }

  wants(topic: string): boolean {
    return this.#matches(topic);
  }

  enqueue(parcel: Parcel): void {
    if (parcel.qos === 0 && !this.client) return;
    this.queue.push(parcel);
    this.client?.wake();
  }

  acknowledged(parcel: Parcel): void {
    const at = this.queue.indexOf(parcel);
    if (at >= 0) this.queue.splice(at, 1);
  }

  #filter(filters: readonly string[]): void {
    this.#filters = filters;
    this.#matches = topicMatcher(filters);
  }
}
