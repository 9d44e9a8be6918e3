/** Most works that wait for their turn. */
const MAX_WAITING = 4096;

type Work = () => Promise<unknown> | undefined;

/** Runs works one after the other; one that answers no promise costs no wait. */
export interface Turns {
  /** False when too many wait already. */
  take(work: Work): boolean;
  /** Waits however many wait. */
  takeAnyway(work: Work): void;
}

export function createTurns(): Turns {
  const waiting: Work[] = [];
  let busy = false;

  function proceed(): void {
    while (!busy) {
      const work = waiting.shift();
      if (!work) return;
      const result = work();
      if (!result) continue;
      busy = true;
      result
        .catch((error) => void Promise.reject(error))
        .finally(() => {
          busy = false;
          proceed();
        });
    }
  }

  return {
    take(work) {
      if (waiting.length >= MAX_WAITING) return false;
      waiting.push(work);
      proceed();
      return true;
    },
    takeAnyway(work) {
      waiting.push(work);
      proceed();
    },
  };
}
