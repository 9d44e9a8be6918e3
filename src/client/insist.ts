import { asSealMQError } from '../errors.js';
import { pauseFor } from '../pause.js';
import type { Context } from './context.js';

/** Before what failed is tried again, in milliseconds; doubles up to a minute. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 60_000;

/**
 * What `attempt` answers, tried again after each failure, of which a `warning` tells: a store that cannot be read for a while
 * must not end who works on it. What fails must have changed nothing in memory.
 *
 * @param what - for the warning
 * @throws what the last try threw, once `ending` is aborted
 */
export async function insist<T>(
  { events }: Pick<Context, 'events'>,
  what: string,
  ending: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await attempt();
    } catch (cause) {
      if (ending.aborted) throw cause;
      events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', what));
      await pauseFor(pause, ending);
    }
  }
}
