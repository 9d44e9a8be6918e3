/** How many counters below the highest one are told apart; what is older counts as seen. */
export const REPLAY_WINDOW = 1024;

const WORDS = REPLAY_WINDOW / 32;

/** Which counters of one key have been seen, as a value. */
export interface ReplayWindow {
  /** The highest counter seen, or −1. */
  readonly highest: number;
  /** One bit per counter, at its place modulo {@link REPLAY_WINDOW}. */
  readonly bits: Uint32Array;
}

export const emptyWindow: ReplayWindow = { highest: -1, bits: new Uint32Array(WORDS) };

/** The window with `ctr` in it, or `undefined` when it was seen before, or lies too far back to be told. */
export function seeCounter({ highest, bits }: ReplayWindow, ctr: number): ReplayWindow | undefined {
  if (ctr <= highest - REPLAY_WINDOW) return undefined;
  const next = bits.slice();
  if (ctr > highest) {
    const steps = Math.min(ctr - highest, REPLAY_WINDOW);
    for (let i = 1; i < steps; i++) clear(next, highest + i);
    set(next, ctr);
    return { highest: ctr, bits: next };
  }
  if (isSet(bits, ctr)) return undefined;
  set(next, ctr);
  return { highest, bits: next };
}

const place = (ctr: number): number => ctr % REPLAY_WINDOW;

function isSet(bits: Uint32Array, ctr: number): boolean {
  return (((bits[place(ctr) >>> 5] as number) >>> (ctr & 31)) & 1) === 1;
}

function set(bits: Uint32Array, ctr: number): void {
  bits[place(ctr) >>> 5] = (bits[place(ctr) >>> 5] as number) | (1 << (ctr & 31));
}

function clear(bits: Uint32Array, ctr: number): void {
  bits[place(ctr) >>> 5] = (bits[place(ctr) >>> 5] as number) & ~(1 << (ctr & 31));
}
