import { type Clock, offsetFrom } from '../../ports/clock.js';
import type { KeyDirectory } from '../../ports/key-directory.js';

/** How often the directory is asked for the time, in milliseconds. */
const INTERVAL = 3600 * 1000;

/** This machine's clock, set right by the directory's: what a relay judges and answers by is what its senders go by. */
export interface RelayClock {
  /** Milliseconds. */
  now(): number;
  close(): void;
}

/** Asks once before it resolves; a directory that cannot say leaves the clock as it is. */
export async function relayClock(directory: KeyDirectory, clock: Clock): Promise<RelayClock> {
  let delta = 0;
  const ask = async () => {
    const before = clock.now();
    const time = await directory.time().catch(() => undefined);
    if (time !== undefined) delta = offsetFrom(time, before, clock.now()) ?? delta;
  };
  await ask();
  const timer = setInterval(ask, INTERVAL);
  timer.unref();
  return { now: () => clock.now() + delta, close: () => clearInterval(timer) };
}
