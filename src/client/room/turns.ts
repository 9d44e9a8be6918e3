/** Most works that wait for their turn. */
const MAX_WAITING = 4096;

type Work = () => Promise<unknown> | undefined;

/** Runs works one after the other; one that answers no promise costs no wait. */
export interface Turns {
  /** False when too many wait already. */
  take(work: Work): boolean;
  /** Waits however many wait; settles as the work does. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** @param warn - told of what a work of {@link Turns.take} throws */
export function createTurns(warn: (error: unknown) => void): Turns {
  const waiting: Work[] = [];
  let busy = false;

  function proceed(): void {
    while (!busy) {
      const work = waiting.shift();
      if (!work) return;
      const result = work();
      if (!result) continue;
      busy = true;
      result.catch(warn).finally(() => {
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
    run: (work) =>
      new Promise((resolve, reject) => {
        waiting.push(() => work().then(resolve, reject));
        proceed();
      }),
  };
}
