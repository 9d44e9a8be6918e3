import { asSealMQError, type SealMQError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { KeyDirectory } from '../ports/key-directory.js';

/** This machine's clock, corrected by the directory's signed time. */
export interface DirectoryClock extends Clock {
  /** Directory time minus this machine's, in milliseconds; 0 while unknown. */
  readonly delta: number;
  /** Asks again; the correction stays as it is when that fails. */
  refresh(): Promise<void>;
  close(): void;
}

/** How often the directory is asked, in milliseconds. */
const INTERVAL = 6 * 3600 * 1000;

/** A clock that asks `directory` now and then; `onFailure` hears why it could not. */
export function createDirectoryClock(
  directory: KeyDirectory,
  clock: Clock,
  onFailure: (error: SealMQError) => void,
): DirectoryClock {
  let delta = 0;
  const refresh = async () => {
    try {
      const before = clock.now();
      const time = await directory.time();
      if (time === undefined) return;
      // The answer was made somewhere between question and arrival.
      delta = Math.round(time - (before + clock.now()) / 2);
    } catch (cause) {
      onFailure(asSealMQError(cause, 'DIRECTORY_UNREACHABLE', 'no time'));
    }
  };
  const timer = setInterval(refresh, INTERVAL);
  // In Node the timer must not keep the process alive; browsers' timers are plain numbers.
  if (typeof timer === 'object') timer.unref?.();
  return {
    now: () => clock.now() + delta,
    get delta() {
      return delta;
    },
    refresh,
    close: () => clearInterval(timer),
  };
}
