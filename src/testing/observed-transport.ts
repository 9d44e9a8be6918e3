import { utf8 } from '../bytes/bytes.js';
import type { ConnectionState, Transport, Will } from '../ports/transport.js';

/** One message as it was handed in. */
export interface Received {
  readonly topic: string;
  readonly bytes: readonly number[];
}

/** What a message handler does after the message was noted. */
export type Handling = (received: Received) => Promise<void>;

/** A transport under observation: everything that was handed in and reported, and promises to wait for it. */
export interface Observed {
  readonly transport: Transport;
  readonly received: Received[];
  readonly states: ConnectionState[];
  /** Resolves as soon as the condition holds; looked at after every message and every state. */
  until(condition: () => boolean): Promise<void>;
  open(...filters: string[]): Promise<void>;
}

/** Watches a transport from before it is opened. `will` is what it has when it asks for one. */
export function observeTransport(
  transport: Transport,
  handling: Handling = async () => {},
  will?: () => Promise<Will | undefined>,
): Observed {
  const received: Received[] = [];
  const states: ConnectionState[] = [];
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const check of waiting) check();
  };
  return {
    transport,
    received,
    states,
    until: (condition) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    open: (...filters) =>
      transport.open(filters, {
        async message(topic, payload) {
          const one = { topic, bytes: [...payload] };
          received.push(one);
          look();
          await handling(one);
        },
        connection(state) {
          states.push(state);
          look();
        },
        ...(will && { will }),
      }),
  };
}

/** The names of the states reported so far. */
export function states({ states }: Observed): string[] {
  return states.map(({ state }) => state);
}

/** A message as it should be handed in. */
export function message(topic: string, body: string): Received {
  return { topic, bytes: [...utf8(body)] };
}

/** A promise that resolves when told to. */
export function gate(): { readonly open: Promise<void>; pass(): void } {
  let pass = (): void => {};
  const open = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { open, pass };
}
