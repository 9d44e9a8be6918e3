/** Resolves after `milliseconds`, or at once when `signal` is aborted. */
export function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/** Resolves when timers, sockets and messages have had their turn: what only awaits what is there already lets nobody else go on. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    // Browsers make a timer wait for milliseconds.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** How long somebody goes on before others have their turn, in milliseconds. */
const TURN = 10;

/**
 * For what an application may do in a loop, waiting for nothing that is not there already: answers what to wait for where timers and
 * sockets are due to have their turn, and nothing most of the time.
 */
export function createCourtesy(): () => Promise<void> | undefined {
  let turnedAt = performance.now();
  let turning: Promise<void> | undefined;
  const turned = (): void => {
    turnedAt = performance.now();
    turning = undefined;
  };
  return () => {
    if (!turning && performance.now() - turnedAt > TURN) turning = nextTask().then(turned);
    return turning;
  };
}

/** Pauses of which any number goes on at a time, and all are ended at once. */
export interface Pauses {
  /** Resolves after `milliseconds`, or when all are ended. */
  wait(milliseconds: number): Promise<void>;
  end(): void;
}

/** No pause goes on yet. */
export function createPauses(): Pauses {
  const going = new Set<() => void>();
  return {
    wait: (milliseconds) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          going.delete(done);
          resolve();
        };
        const timer = setTimeout(done, milliseconds);
        going.add(done);
      }),
    end() {
      for (const done of going) done();
    },
  };
}
