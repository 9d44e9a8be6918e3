/** How many counters below the highest one are told apart; what is older counts as seen. */
export const REPLAY_WINDOW = 1024;

/** Which counters of one key have been seen, as a value. */
export interface ReplayWindow {
  /** The highest counter seen, or −1. */
  readonly highest: number;
  /** Counters below it that were not seen and may still come, ascending. */
  readonly missing: readonly number[];
}

export const emptyWindow: ReplayWindow = { highest: -1, missing: [] };

/** The window with `ctr` in it, or `undefined` when it was seen before, or lies too far back to be told. */
export function seeCounter({ highest, missing }: ReplayWindow, ctr: number): ReplayWindow | undefined {
  if (ctr <= highest) {
    return missing.includes(ctr) ? { highest, missing: missing.filter((one) => one !== ctr) } : undefined;
  }
  const oldest = ctr - REPLAY_WINDOW;
  const [first = ctr] = missing;
  const kept = first > oldest ? missing : missing.filter((one) => one > oldest);
  return { highest: ctr, missing: ctr === highest + 1 ? kept : [...kept, ...between(Math.max(highest, oldest), ctr)] };
}

/** The numbers above `low` and below `high`. */
function between(low: number, high: number): number[] {
  return Array.from({ length: high - low - 1 }, (_, i) => low + 1 + i);
}
