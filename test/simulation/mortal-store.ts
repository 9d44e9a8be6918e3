import type { Store } from '../../src/ports/store.js';
import type { Random } from '../../src/testing/seeded.js';

/** A store whose process can die: from then on nothing it was asked is ever answered. */
export interface MortalStore extends Store {
  /** Whether the process still lives. */
  readonly alive: boolean;
  die(): void;
}

/** Never answers, like a process that is no more. Each time another promise: one would hold on to all who ever waited for it. */
const silence = () => new Promise<never>(() => {});

/**
 * One life on `store`, which outlives it. Writes take their time, in order.
 *
 * @param batches - dies in the middle of this one: it took effect or it did not, and nobody was told
 */
export function mortalStore(store: Store, random: Random, batches: number, onDeath: () => void): MortalStore {
  let alive = true;
  let left = batches;
  let last: Promise<unknown> = Promise.resolve();
  const die = () => {
    if (!alive) return;
    alive = false;
    onDeath();
  };
  const pause = () =>
    random.chance(0.1) ? new Promise((resolve) => setTimeout(resolve, random.next(5))) : Promise.resolve();

  return {
    volatile: true,
    get alive() {
      return alive;
    },
    die,
    get: (key) => (alive ? store.get(key) : silence()),
    batch(operations, options) {
      const written = last.then(pause).then(async () => {
        if (!alive) return silence();
        const fatal = left-- === 0;
        if (!fatal || random.chance(0.5)) await store.batch(operations, options);
        if (!fatal) return;
        die();
        return silence();
      });
      last = written;
      return written;
    },
    async *iterator(range) {
      if (!alive) await silence();
      for await (const entry of store.iterator(range)) yield alive ? entry : await silence();
    },
    close: async () => {},
  };
}
