const FIRST = 250;
const LONGEST = 30_000;

/** A connection that lived this long was a good one: the next attempt may follow soon. */
const HELD = 10_000;

/** Waits of up to eight seconds and more where another client fights us for the session. */
const CONTESTED_STEP = 5;

/** How a connection, or the attempt at one, ended. */
export interface Ending {
  /** Milliseconds for which it was up; 0 for an attempt that failed. */
  readonly held: number;
  /** Another client with our id took the session over. */
  readonly contested: boolean;
}

/** Tells how long to wait before the next attempt. */
export interface Backoff {
  /** Milliseconds, after a connection or an attempt ended like this. */
  after(ending: Ending): number;
  /** Somebody asked for a connection now: start over. */
  reset(): void;
}

/**
 * Exponential back-off with full jitter: uniform between 0 and 250 ms, 500 ms, … 30 s. Only a connection that held starts it
 * over: one that is cut right after it was granted (a session fought for, a message that cannot be stored) counts as failed.
 *
 * @param random - uniform in [0, 1)
 */
export function createBackoff(random: () => number): Backoff {
  let step = 0;
  return {
    after({ held, contested }) {
      if (held >= HELD) step = 0;
      if (contested) step = Math.max(step, CONTESTED_STEP);
      const ceiling = Math.min(LONGEST, FIRST * 2 ** step);
      step++;
      return random() * ceiling;
    },
    reset() {
      step = 0;
    },
  };
}
