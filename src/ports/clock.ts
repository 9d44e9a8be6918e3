/** The clock of this machine. The messenger adds the difference to directory time that it has verified. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z. */
  now(): number;
}

/** The platform's own clock. */
export const systemClock: Clock = { now: () => Date.now() };
