/** A message on its way. */
export interface Parcel {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
}

/** A message that the broker passes on. */
export interface Dispatch extends Parcel {
  /** Milliseconds until it is passed on. */
  readonly after: number;
}

/** What a publisher is told: that it was taken (PUBACK), that it was denied, or nothing until the connection ends. */
export type Answer = 'acknowledge' | 'refuse' | 'silence';

/** How a broker deals with its clients. {@link HONEST} does what the standard says; `malice` does not. */
export interface Temper {
  /** Milliseconds that the next packet is on its way. */
  latency(): number;
  /** Whether the connection of `session` breaks at this moment; asked for every packet. */
  cuts(session: string): boolean;
  /** What is passed on because of a published message, and what the publisher is told. */
  published(parcel: Parcel): { readonly dispatches: readonly Dispatch[]; readonly answer: Answer };
  /** How a client that connects is met; `undefined` turns it away. */
  connecting(session: string, known: boolean): Welcome | undefined;
  /** Which of the payloads that were ever retained under a topic (the newest last) a new subscriber gets. */
  retained(topic: string, payloads: readonly Uint8Array[]): Uint8Array | undefined;
}

/** How a client is met. */
export interface Welcome {
  /** Queue and subscriptions are thrown away. */
  readonly forget: boolean;
  /** What the client is told of its session. */
  readonly sessionPresent: boolean;
}

/** A broker as it should be. */
export const HONEST: Temper = {
  latency: () => 0,
  cuts: () => false,
  published: (parcel) => ({ dispatches: [{ ...parcel, after: 0 }], answer: 'acknowledge' }),
  connecting: (_session, known) => ({ forget: false, sessionPresent: known }),
  retained: (_topic, payloads) => payloads.at(-1),
};
