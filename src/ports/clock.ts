/** The clock of this machine. The messenger adds the difference to directory time that it has verified. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z. */
  now(): number;
  /**
   * Milliseconds since some moment, which go on evenly when the clock is set: what tells that it was. Without it jumps are
   * noticed only when the directory is asked for the time.
   */
  monotonic?(): number;
}

/** The platform's own clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Milliseconds that a question for the time may take. */
const LONGEST_ROUND_TRIP = 15_000;

/**
 * How far another clock is ahead, in milliseconds, that said `time` somewhere between `before` and `after` of ours; `undefined` when
 * they are so far apart that ours was set, or the machine slept, in between.
 */
export function offsetFrom(time: number, before: number, after: number): number | undefined {
  if (after < before || after - before > LONGEST_ROUND_TRIP) return undefined;
  return Math.round(time - (before + after) / 2);
}

/** `clock` read at most once a millisecond, for hot paths where reading it would be most of the work. */
export function coarseClock(clock: Clock): Clock {
  let reading: number | undefined;
  const forget = () => {
    reading = undefined;
  };
  return {
    now() {
      if (reading === undefined) {
        reading = clock.now();
        const timer = setTimeout(forget, 1);
        // In Node the timer must not keep the process alive; browsers' timers are plain numbers.
        if (typeof timer === 'object') timer.unref?.();
      }
      return reading;
    },
  };
}
