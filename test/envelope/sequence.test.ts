import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  acceptSeq,
  gaps,
  MAX_RANGES,
  newSequence,
  type Range,
  type SequenceState,
} from '../../src/protocol/envelope/index.js';
import { codeOf } from '../bytes/error-code.js';

/** The numbers of a range. */
const numbers = ([from, to]: Range): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** All `seqs`, one after the other; the state is frozen before each step, and every outcome is handed out. */
function play(state: SequenceState, seqs: readonly number[]) {
  const outcomes = [];
  let current = deepFreeze(state);
  for (const seq of seqs) {
    const outcome = acceptSeq(current, seq);
    outcomes.push({ seq, ...outcome });
    if (outcome.kind === 'new') current = deepFreeze(outcome.state);
  }
  return { state: current, outcomes };
}

/** Long states stay as they are: V8 copies a frozen array of thousands very slowly. */
function deepFreeze(state: SequenceState): SequenceState {
  if (state.ranges.length > 100) return state;
  for (const range of state.ranges) Object.freeze(range);
  Object.freeze(state.ranges);
  return Object.freeze(state);
}

/** What a naive set of all numbers would say. */
function model(first: number, seqs: readonly number[]) {
  const seen = new Set<number>();
  const reported = new Set<number>();
  let lowest = first;
  return seqs.map((seq) => {
    if (seen.has(seq)) return { seq, kind: 'duplicate' as const, missing: [] };
    const highest = Math.max(lowest - 1, ...seen);
    const missing: number[] = [];
    for (let n = highest + 1; n < seq; n++) missing.push(n);
    if (seen.size > 0) for (let n = seq + 1; n < Math.min(lowest, ...seen); n++) missing.push(n);
    lowest = Math.min(lowest, seq);
    for (const n of missing) {
      expect(reported.has(n)).toBe(false);
      reported.add(n);
    }
    seen.add(seq);
    return { seq, kind: 'new' as const, missing };
  });
}

const starts = fc.integer({ min: 1, max: 20 });
const arrivals = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 120 });

test('says of every number what a set of all numbers would say', () => {
  fc.assert(
    fc.property(starts, arrivals, (first, seqs) => {
      const { outcomes } = play(newSequence(first), seqs);
      const told = outcomes.map((outcome) => ({
        seq: outcome.seq,
        kind: outcome.kind,
        missing: outcome.kind === 'new' && outcome.missing ? numbers(outcome.missing) : [],
      }));
      expect(told).toEqual(model(first, seqs));
    }),
    { numRuns: 1000 },
  );
});

test('keeps disjoint ascending ranges that do not touch, and knows the gaps between them', () => {
  fc.assert(
    fc.property(starts, arrivals, (first, seqs) => {
      const { state } = play(newSequence(first), seqs);
      const seen = [...new Set(seqs)].sort((a, b) => a - b);
      expect(state.ranges.flatMap(numbers)).toEqual(seen);
      for (const [i, [from]] of state.ranges.entries()) {
        if (i > 0) expect(from).toBeGreaterThan((state.ranges[i - 1]?.[1] ?? 0) + 1);
      }
      const lowest = Math.min(first, ...seen);
      const highest = Math.max(lowest - 1, ...seen);
      const open = Array.from({ length: highest }, (_, i) => i + 1).filter((n) => n >= lowest && !seen.includes(n));
      expect(gaps(state).flatMap(numbers)).toEqual(open);
    }),
    { numRuns: 1000 },
  );
});

test('any order of the same numbers ends in the same state', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 50 })), fc.infiniteStream(fc.nat()), (seqs, random) => {
      const keyed = seqs.map((seq) => ({ seq, key: random.next().value ?? 0 }));
      const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ seq }) => seq);
      expect(play(newSequence(1), shuffled).state).toEqual(play(newSequence(1), seqs).state);
    }),
  );
});

test('a gap is told once, when it opens; what fills it in opens none', () => {
  const { outcomes, state } = play(newSequence(1), [1, 5, 3, 2, 4, 9]);
  expect(outcomes.map((outcome) => (outcome.kind === 'new' ? outcome.missing : 'duplicate'))).toEqual([
    undefined,
    [2, 4],
    undefined,
    undefined,
    undefined,
    [6, 8],
  ]);
  expect(state.ranges).toEqual([
    [1, 5],
    [9, 9],
  ]);
});

describe('a device that joined later', () => {
  test('misses nothing before the first number that it could open', () => {
    const { outcomes, state } = play(newSequence(100), [100, 102]);
    expect(outcomes).toMatchObject([{ kind: 'new' }, { kind: 'new', missing: [101, 101] }]);
    expect(outcomes[0]).not.toHaveProperty('missing');
    expect(gaps(state)).toEqual([[101, 101]]);
  });

  test('still takes an older one that arrives late, once, and misses what lies between', () => {
    const { outcomes } = play(newSequence(100), [100, 7, 7, 101]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['new', 'new', 'duplicate', 'new']);
    const told = outcomes.map((outcome) => ('missing' in outcome ? outcome.missing : undefined));
    expect(told).toEqual([undefined, [8, 99], undefined, undefined]);
  });
});

describe('more gaps than are kept', () => {
  const odd = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + 2 * i);
  const full = play(newSequence(1), odd(MAX_RANGES));

  test('up to the limit nothing is given up', () => {
    expect(full.state.ranges).toHaveLength(MAX_RANGES);
    expect(full.outcomes.every((outcome) => !('lost' in outcome))).toBe(true);
  });

  test('beyond it the lowest gaps are, one by one, each told once', () => {
    const { outcomes, state } = play(full.state, odd(3, 2 * MAX_RANGES + 1));
    // The range in front, [1, 1], leaves no gap below it.
    expect(outcomes.map((outcome) => ('lost' in outcome ? outcome.lost : undefined))).toEqual([
      undefined,
      [2, 2],
      [4, 4],
    ]);
    expect(state.ranges).toHaveLength(MAX_RANGES);
    expect(acceptSeq(state, 2).kind).toBe('duplicate');
    expect(acceptSeq(state, 4).kind).toBe('duplicate');
    expect(acceptSeq(state, 6).kind).toBe('new');
    expect(gaps(state)[0]).toEqual([6, 6]);
  });

  test('what was never waited for is not lost either', () => {
    const { outcomes } = play(newSequence(1001), odd(MAX_RANGES + 2, 1001));
    expect(outcomes.flatMap((outcome) => ('lost' in outcome ? [outcome.lost] : []))).toEqual([[1002, 1002]]);
  });

  test('numbers are never more than seen or lost or open', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }), (steps) => {
        let next = 2 * MAX_RANGES;
        const seqs = steps.map((step) => {
          next += step;
          return next;
        });
        const { outcomes, state } = play(full.state, seqs);
        const lost = outcomes.flatMap((outcome) => ('lost' in outcome && outcome.lost ? numbers(outcome.lost) : []));
        expect(new Set(lost).size).toBe(lost.length);
        const kindOf = (seq: number) => acceptSeq(state, seq).kind;
        expect([...lost, ...seqs].every((seq) => kindOf(seq) === 'duplicate')).toBe(true);
        expect(gaps(state).every(([from, to]) => kindOf(from) === 'new' && kindOf(to) === 'new')).toBe(true);
        expect(state.ranges.length).toBeLessThanOrEqual(MAX_RANGES);
      }),
      { numRuns: 6 },
    );
  });
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('%d is no sequence number', (seq) => {
  expect(codeOf(() => acceptSeq(newSequence(1), seq))).toBe('USAGE_INVALID_ARGUMENT');
});

test('the highest number there is does not disturb the others', () => {
  const { outcomes, state } = play(newSequence(1), [1, Number.MAX_SAFE_INTEGER, 2]);
  expect(outcomes[1]).toMatchObject({ missing: [2, Number.MAX_SAFE_INTEGER - 1] });
  expect(gaps(state)).toEqual([[3, Number.MAX_SAFE_INTEGER - 1]]);
});
