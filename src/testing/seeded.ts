/** A seeded generator of pseudo-random choices: the same seed makes the same run. Never for secrets. */
export interface Random {
  /** An integer from 0 to `below` − 1. */
  next(below: number): number;
  /** One of `values`, which must not be empty. */
  pick<T>(values: readonly T[]): T;
  /** True with this probability, from 0 to 1. */
  chance(probability: number): boolean;
  /** `length` bytes. */
  bytes(length: number): Uint8Array;
}

/** A generator (mulberry32) that starts from `seed`, of which 32 bits count. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const next = (below: number): number => Math.floor(fraction() * below);
  return {
    next,
    pick: <T>(values: readonly T[]) => values[next(values.length)] as T,
    chance: (probability) => fraction() < probability,
    bytes: (length) => Uint8Array.from({ length }, () => next(256)),
  };
}
