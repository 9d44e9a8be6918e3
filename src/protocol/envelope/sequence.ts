import { SealMQError } from '../../errors.js';

/** Most ranges kept per numbering; beyond it the lowest gap is given up. */
export const MAX_RANGES = 4096;

/** Inclusive range of sequence numbers. */
export type Range = readonly [from: number, to: number];

/**
 * Which sequence numbers of one sender device and stream were accepted. A value: {@link acceptSeq} answers a new one.
 */
export interface SequenceState {
  /** The lowest number that could be opened here: gaps below it are the past of a device that joined later. */
  readonly start: number;
  /** Everything up to here counts as seen: gaps below were given up. */
  readonly floor: number;
  /** Accepted numbers above `floor`: disjoint, not adjacent, ascending. */
  readonly ranges: readonly Range[];
}

/** What {@link acceptSeq} says of a number. */
export type SequenceOutcome =
  | {
      readonly kind: 'new';
      readonly state: SequenceState;
      /** Numbers skipped just below this one and not seen yet. */
      readonly missing?: Range;
      /** Numbers that are not waited for any longer, since there were too many gaps. */
      readonly lost?: Range;
    }
  | { readonly kind: 'duplicate' };

/** The state before anything arrived from a device and stream; `first` is the first number that could be opened. */
export function newSequence(first: number): SequenceState {
  return { start: first, floor: 0, ranges: [] };
}

/** Records `seq` (≥ 1). The state is left as it was; the new one is in the outcome. */
export function acceptSeq(state: SequenceState, seq: number): SequenceOutcome {
  if (!Number.isSafeInteger(seq) || seq < 1)
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'seq is an integer from 1');
  const { ranges, floor, start } = state;
  const at = firstEndingAtOrAbove(ranges, seq);
  const next = ranges[at];
  if (seq <= floor || (next && next[0] <= seq)) return { kind: 'duplicate' };

  const previous = ranges[at - 1];
  const joinsPrevious = previous?.[1] === seq - 1;
  const joinsNext = next?.[0] === seq + 1;
  const merged: Range = [joinsPrevious ? previous[0] : seq, joinsNext ? next[1] : seq];
  const updated = ranges.toSpliced(at - (joinsPrevious ? 1 : 0), Number(joinsPrevious) + Number(joinsNext), merged);

  // Only a number above all others, or below the first, opens a gap; one in between fills a part of a gap that was reported already.
  const gapFrom = Math.max(previous?.[1] ?? 0, floor, start - 1) + 1;
  let missing: Range | undefined;
  if (next === undefined && gapFrom < seq) missing = [gapFrom, seq - 1];
  // What can be opened below the first number moves the start down: what lies between was for this device, too.
  else if (next !== undefined && seq + 1 < Math.min(start, next[0])) missing = [seq + 1, Math.min(start, next[0]) - 1];
  const {
    state: kept,
    lost: [lost],
  } = bounded({ start: Math.min(start, seq), floor, ranges: updated });
  return { kind: 'new', state: kept, ...(missing && { missing }), ...(lost && { lost }) };
}

/** Counts `skipped` as seen; `lost` are those among them that had not come, and the lowest gaps where there were too many. */
export function skipRanges(
  state: SequenceState,
  skipped: readonly Range[],
): { readonly state: SequenceState; readonly lost: readonly Range[] } {
  const lost = skipped.flatMap(([from, to]) =>
    gaps(state)
      .map(([first, last]): Range => [Math.max(first, from), Math.min(last, to)])
      .filter(([first, last]) => first <= last),
  );
  // Only gaps are filled, so that a number beyond all that came cannot be skipped in advance.
  const ranges = [...state.ranges, ...lost].sort(([a], [b]) => a - b);
  // Skipping out of the middle of a gap makes two of it: a sender must not let the state grow that way.
  const kept = bounded({ ...state, ranges: joinAdjacent(ranges) });
  return { state: kept.state, lost: [...lost, ...kept.lost] };
}

function joinAdjacent(ranges: readonly Range[]): Range[] {
  const joined: Range[] = [];
  for (const [from, to] of ranges) {
    const last = joined.at(-1);
    if (last && from <= last[1] + 1) joined[joined.length - 1] = [last[0], Math.max(last[1], to)];
    else joined.push([from, to]);
  }
  return joined;
}

/** Gaps between `start` and the highest number seen, ascending. */
export function gaps({ start, floor, ranges }: SequenceState): Range[] {
  const found: Range[] = [];
  let expected = Math.max(start, floor + 1);
  for (const [from, to] of ranges) {
    if (from > expected) found.push([expected, from - 1]);
    expected = Math.max(expected, to + 1);
  }
  return found;
}

/** Gives up the lowest gaps when there are too many ranges. */
function bounded(state: SequenceState): { state: SequenceState; lost: readonly Range[] } {
  const excess = state.ranges.slice(0, Math.max(0, state.ranges.length - MAX_RANGES));
  const last = excess.at(-1);
  if (!last) return { state, lost: [] };
  return {
    state: { ...state, floor: last[1], ranges: state.ranges.slice(excess.length) },
    lost: gaps({ ...state, ranges: excess }),
  };
}

function firstEndingAtOrAbove(ranges: readonly Range[], seq: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle] as Range)[1] >= seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
