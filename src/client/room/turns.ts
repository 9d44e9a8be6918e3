/** Works that wait for their turn, at most; and what they keep in memory together, in bytes. */
const MAX_WAITING = 4096;
const MAX_BYTES = 64 << 20;

type Work = () => Promise<unknown> | undefined;

/** Runs works one after the other; one that answers no promise costs no wait. */
export interface Turns {
  /** False when too many wait already, or too much. @param bytes - what the work keeps in memory */
  take(work: Work, bytes?: number): boolean;
  /** Waits however many wait; settles as the work does. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** @param warn - told of what a work of {@link Turns.take} throws */
export function createTurns(warn: (error: unknown) => void): Turns {
  const waiting: { readonly work: Work; readonly bytes: number }[] = [];
  let size = 0;
  let busy = false;

  function begin(work: Work): void {
    const result = work();
    if (!result) return;
    busy = true;
    result.catch(warn).finally(() => {
      busy = false;
      proceed();
    });
  }

  function proceed(): void {
    while (!busy) {
      const next = waiting.shift();
      if (!next) return;
      size -= next.bytes;
      begin(next.work);
    }
  }

  function enter(work: Work, bytes: number): void {
    if (!busy && waiting.length === 0) {
      begin(work);
      return;
    }
    waiting.push({ work, bytes });
    size += bytes;
    proceed();
  }

  return {
    take(work, bytes = 0) {
      if (waiting.length >= MAX_WAITING || size + bytes > MAX_BYTES) return false;
      enter(work, bytes);
      return true;
    },
    run: (work) => new Promise((resolve, reject) => enter(() => work().then(resolve, reject), 0)),
  };
}
