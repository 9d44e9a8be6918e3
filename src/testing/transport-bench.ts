import type { Transport, Will } from '../ports/transport.js';
import type { Handling, Observed } from './observed-transport.js';
import type { TestFunctions } from './store-contract.js';

/** What an implementer of {@link Transport} provides. One broker serves one test. */
export interface TransportBench {
  /** A new transport of the session named so; the same name means the same session at the broker. Not opened. */
  create(session: string): Transport;
  /** Breaks every connection at this moment, as a network does. New ones are possible at once. */
  interrupt(): void;
  /** Everything started for the test ends. Transports are closed before. */
  release(): Promise<void>;
}

/** Builds a transport on the test's bench; `handling` is what its message handler does after it took note, `will` its will. */
export type Observe = (session: string, handling?: Handling, will?: () => Promise<Will | undefined>) => Observed;

/** How the suite compares. */
export type DeepEqual = TestFunctions['deepEqual'];
/** One test on a bench of its own. */
export type Clause = (title: string, body: (observe: Observe, bench: TransportBench) => Promise<void>) => void;

/** A publish that is acknowledged. */
export const QOS1 = { qos: 1 } as const;
