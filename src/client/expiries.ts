/** Timers reach no further than this, in milliseconds. */
const LONGEST_WAIT = 3600 * 1000;

/** Tells when entries expire, with one timer for all of them. */
export interface Expiries {
  /** `expiresAt` in seconds; what never expires is not watched. */
  watch(n: number, expiresAt: number | undefined): void;
  forget(n: number): void;
  close(): void;
}

/**
 * Watches nothing yet.
 *
 * @param now - milliseconds of the clock that `expiresAt` is meant by; it may jump
 * @param onExpired - called once for each entry whose time has come
 */
export function createExpiries(now: () => number, onExpired: (n: number) => void): Expiries {
  const watched = new Map<number, number>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wakesAt = Number.POSITIVE_INFINITY;

  const wake = () => {
    wakesAt = Number.POSITIVE_INFINITY;
    const at = now();
    const over = [...watched].filter(([, expiresAt]) => expiresAt <= at).map(([n]) => n);
    for (const n of over) watched.delete(n);
    if (watched.size > 0) arm(Math.min(...watched.values()));
    over.forEach(onExpired);
  };
  const arm = (expiresAt: number) => {
    if (expiresAt >= wakesAt) return;
    wakesAt = expiresAt;
    clearTimeout(timer);
    timer = setTimeout(wake, Math.min(Math.max(0, expiresAt - now()), LONGEST_WAIT));
  };

  return {
    watch(n, expiresAt) {
      if (expiresAt === undefined) return;
      watched.set(n, expiresAt * 1000);
      arm(expiresAt * 1000);
    },
    forget: (n) => {
      watched.delete(n);
    },
    close() {
      watched.clear();
      clearTimeout(timer);
    },
  };
}
