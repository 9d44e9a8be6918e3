import { expect, test } from 'vitest';
import { seededRandom } from '../../src/testing/seeded.js';
import { type Decoder, decoders, examine } from './decoders.js';
import { fuzz } from './fuzz.js';
import { seeds } from './seeds.js';

/** Rounds of one mutated input per decoder; `npx tsx test/fuzz/fuzz.ts --seconds 60` runs longer, under a new seed. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 400);

test('every decoder has seeds, and takes them', () => {
  const valid = seeds();
  expect(Object.keys(valid).sort()).toEqual(Object.keys(decoders).sort());
  for (const [name, inputs] of Object.entries(valid)) {
    expect(inputs.length).toBeGreaterThan(0);
    const findings = inputs.map((input) => examine(decoders[name] as Decoder, input));
    expect(findings).toEqual(
      inputs.map(() => ({ word: expect.stringMatching(/^(read|opened|usage-suite-unavailable)$/) })),
    );
  }
});

test('mutated inputs are read or refused, never anything else', { timeout: 120_000 }, () => {
  const { crashes, inputs, outcomes } = fuzz(20_26, (rounds) => rounds >= ROUNDS);
  expect(crashes).toEqual([]);
  expect(inputs).toBe(ROUNDS * Object.keys(decoders).length);
  // Mutations that are refused at the door alone, or never, would prove nothing.
  for (const words of Object.values(outcomes)) expect(Object.keys(words).length).toBeGreaterThan(1);
});

test('a seed makes the same run again', () => {
  const draw = (seed: number) => Array.from({ length: 20 }, seededNumbers(seed));
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

function seededNumbers(seed: number): () => number {
  const random = seededRandom(seed);
  return () => random.next(1000);
}
