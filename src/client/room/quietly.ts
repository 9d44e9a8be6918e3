import { isSealMQError } from '../../errors.js';

/** Does what nobody waits for; never rejects. */
export type Quietly = (work: () => Promise<unknown>) => Promise<void>;

/** @param warn - told of what does not heal by itself: keys are offered again, and announcements repeated */
export function createQuietly(warn: (error: unknown) => void): Quietly {
  return async (work) => {
    try {
      await work();
    } catch (error) {
      if (!isPassing(error)) warn(error);
    }
  };
}

function isPassing(error: unknown): boolean {
  if (!isSealMQError(error)) return false;
  return error.code.startsWith('TRANSPORT_') || error.code.startsWith('DIRECTORY_') || error.code === 'USAGE_CLOSED';
}
