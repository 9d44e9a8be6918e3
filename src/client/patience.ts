/** A time that several waits share, one after the other. */
export interface Patience {
  /** Milliseconds that are left. */
  left(): number;
  /** Waits for `work`, but no longer than is left, and at least for a moment. What takes longer is left behind. */
  wait(work: Promise<unknown>): Promise<void>;
}

/** What even the last in the row gets, in milliseconds. */
const A_MOMENT = 250;

/** Longest time that a timer takes, in milliseconds, some 24 days; a longer one would run out at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** Starts now. Beyond {@link LONGEST_TIMER} it is no longer than that. */
export function createPatience(milliseconds: number): Patience {
  const end = performance.now() + Math.min(milliseconds, LONGEST_TIMER);
  const left = () => Math.max(0, end - performance.now());
  return {
    left,
    async wait(work) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.max(left(), A_MOMENT));
      });
      // Whoever is left behind may still fail; nobody is there to hear it.
      const done = work.then(
        () => {},
        () => {},
      );
      await Promise.race([done, late]);
      clearTimeout(timer);
    },
  };
}
