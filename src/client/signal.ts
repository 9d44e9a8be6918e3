/** Wakes whoever waits for something to change. A notification that nobody waits for is forgotten: look, then wait. */
export interface Signal {
  wait(): Promise<void>;
  notify(): void;
}

/** A fresh {@link Signal}. */
export function createSignal(): Signal {
  let wake: (() => void) | undefined;
  let pending: Promise<void> | undefined;
  return {
    wait() {
      pending ??= new Promise((resolve) => {
        wake = resolve;
      });
      return pending;
    },
    notify() {
      wake?.();
      wake = undefined;
      pending = undefined;
    },
  };
}
