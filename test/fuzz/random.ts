/** A seeded generator (mulberry32): the same seed makes the same run. */
export interface Random {
  /** An integer from 0 to `below` − 1. */
  next(below: number): number;
  /** One of `values`. */
  pick<T>(values: readonly T[]): T;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
  return { next, pick: <T>(values: readonly T[]) => values[next(values.length)] as T };
}
