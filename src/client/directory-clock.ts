import { asSealMQError, type SealMQError } from '../errors.js';
import { type Clock, offsetFrom } from '../ports/clock.js';
import type { KeyDirectory } from '../ports/key-directory.js';

/** This machine's clock, corrected by the directory's signed time. */
export interface DirectoryClock extends Clock {
  /** Directory time minus this machine's, in milliseconds; 0 while unknown. */
  readonly delta: number;
  /** Asks again; the correction stays as it is when that fails. */
  refresh(): Promise<void>;
  /**
   * Somebody whom the directory vouches for said `time` (milliseconds) between `before` and `after`, as {@link Clock.now} had them:
   * it counts while the directory itself has said nothing.
   */
  hear(time: number, before: number, after: number): void;
  /** What to wait for while something is open about a jump of this machine's clock: nothing most of the time. */
  settled(): Promise<void> | undefined;
  close(): void;
}

/** How often the directory is asked, in milliseconds. */
const INTERVAL = 6 * 3600 * 1000;

/** How far the machine's clock may get away from the time that has passed before it counts as a jump, in milliseconds. */
const JUMP = 30_000;

/** Pause before a directory that could not say what to make of a jump is asked again, in milliseconds. */
const RETRY = 60_000;

/** A jump while the directory is being asked makes the answer useless; one after the other is no more bad luck. */
const ATTEMPTS = 3;

/**
 * A clock that asks `directory` now and then, and whenever the machine's clock jumps: it was set, or the machine slept. Until the
 * answer is here, time goes on as if nothing had happened: nothing must expire, nor be refused, by a clock that was set wrong.
 * When the directory cannot say, a jump ahead is believed, since machines sleep, and one back is not.
 *
 * @param onFailure - hears why the directory could not be asked
 */
export function createDirectoryClock(
  directory: KeyDirectory,
  clock: Clock,
  onFailure: (error: SealMQError) => void,
): DirectoryClock {
  let delta = 0;
  /** The directory has said what time it is, and nothing has happened since. */
  let told = false;
  /** How far the machine's clock has jumped since the directory last spoke. */
  let jumped = 0;
  let last = reading(clock);
  let asking: Promise<void> | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;

  const watch = (): number => {
    const next = reading(clock);
    const jump = next.wall - last.wall - (next.monotonic - last.monotonic);
    last = next;
    if (Math.abs(jump) < JUMP) return next.wall;
    jumped += jump;
    told = false;
    void refresh();
    return next.wall;
  };

  const ask = async () => {
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const before = watch();
        const time = await directory.time();
        const offset = time === undefined ? 0 : offsetFrom(time, before, watch());
        if (offset === undefined) continue;
        delta = offset;
        jumped = 0;
        told = time !== undefined;
        return;
      }
    } catch (cause) {
      onFailure(asSealMQError(cause, 'DIRECTORY_UNREACHABLE', 'no time'));
    }
    if (jumped === 0) return;
    if (jumped < 0) delta -= jumped;
    jumped = 0;
    clearTimeout(again);
    again = inBackground(setTimeout(refresh, RETRY));
  };
  const refresh = () => {
    asking ??= Promise.resolve()
      .then(ask)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };

  const timer = inBackground(setInterval(refresh, INTERVAL));
  return {
    // Whole: what stands in messages has no fractions, and the monotonic clock that jumps are measured by has.
    now: () => Math.floor(watch() + delta - jumped),
    get delta() {
      return delta;
    },
    refresh,
    hear(time, before, after) {
      const offset = offsetFrom(time, before, after);
      if (told || offset === undefined) return;
      delta += offset;
    },
    settled() {
      watch();
      return jumped === 0 ? undefined : asking;
    },
    close() {
      clearInterval(timer);
      clearTimeout(again);
    },
  };
}

/** In Node the timer must not keep the process alive; browsers' timers are plain numbers. */
function inBackground<T extends ReturnType<typeof setTimeout>>(timer: T): T {
  if (typeof timer === 'object') timer.unref?.();
  return timer;
}

function reading(clock: Clock): { wall: number; monotonic: number } {
  const wall = clock.now();
  return { wall, monotonic: clock.monotonic?.() ?? wall };
}
