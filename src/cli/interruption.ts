/** A wish to end, by SIGINT or SIGTERM. */
export interface Interruption {
  readonly signal: AbortSignal;
}

const FORCED = 130;

/** The first SIGINT or SIGTERM aborts `signal`, so that the command ends cleanly; a second one ends the process at once. */
export function createInterruption(): Interruption {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(FORCED);
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  return { signal: controller.signal };
}

/** Resolves when `signal` is aborted, now or later. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
