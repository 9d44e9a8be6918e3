/** The clock of this machine. The messenger adds the difference to directory time that it has verified. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z. */
  now(): number;
}

/** The platform's own clock. */
export const systemClock: Clock = { now: () => Date.now() };

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
