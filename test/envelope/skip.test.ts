import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  acceptSeq,
  gaps,
  MAX_RANGES,
  newSequence,
  type Range,
  type SequenceState,
  skipRanges,
} from '../../src/protocol/envelope/index.js';

const numbers = ([from, to]: Range): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

function accepted(first: number, seqs: readonly number[]): SequenceState {
  return seqs.reduce((state, seq) => {
    const outcome = acceptSeq(state, seq);
    return outcome.kind === 'new' ? outcome.state : state;
  }, newSequence(first));
}

const ranges = fc
  .uniqueArray(fc.integer({ min: 1, max: 80 }), { maxLength: 10 })
  .map((ends) => ends.sort((a, b) => a - b))
  .map((ends) => ends.flatMap((from, i): Range[] => (i % 2 === 0 ? [[from, ends[i + 1] ?? from]] : [])));

test('what is skipped and had not come is lost and waited for no longer; nothing else changes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 }),
      ranges,
      (first, seqs, skipped) => {
        const before = accepted(first, seqs);
        Object.freeze(before.ranges);
        const open = gaps(before).flatMap(numbers);
        const { state, lost } = skipRanges(before, skipped);
        const named = new Set(skipped.flatMap(numbers));
        expect(lost.flatMap(numbers)).toEqual(open.filter((n) => named.has(n)));
        expect(gaps(state).flatMap(numbers)).toEqual(open.filter((n) => !named.has(n)));
        expect(state.ranges.flatMap(numbers)).toEqual(
          [...new Set([...seqs, ...lost.flatMap(numbers)])].sort((a, b) => a - b),
        );
        expect(skipRanges(state, skipped)).toEqual({ state, lost: [] });
      },
    ),
    { numRuns: 1000 },
  );
});

test('a number beyond all that came cannot be skipped in advance', () => {
  const state = accepted(1, [1, 2]);
  expect(skipRanges(state, [[3, 100]])).toEqual({ state, lost: [] });
  expect(skipRanges(newSequence(1), [[1, Number.MAX_SAFE_INTEGER]])).toEqual({ state: newSequence(1), lost: [] });
});

test('skipping every other number of a wide gap does not let the state grow', () => {
  const wide = accepted(1, [1, 100_000]);
  const holes = Array.from({ length: MAX_RANGES + 10 }, (_, i): Range => [10 + 2 * i, 10 + 2 * i]);
  const { state, lost } = skipRanges(wide, holes);
  expect(state.ranges).toHaveLength(MAX_RANGES);
  expect(gaps(state)[0]?.[0]).toBe(state.floor + 1);
  for (const [from] of lost.slice(0, 20)) expect(acceptSeq(state, from).kind).toBe('duplicate');
});
