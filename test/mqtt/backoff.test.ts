import { expect, it } from 'vitest';
import { createBackoff } from '../../src/adapters/mqtt/backoff.js';

const FAILED = { held: 0, contested: false };

it('doubles the ceiling from 250 ms to 30 s', () => {
  const backoff = createBackoff(() => 1);
  const delays = Array.from({ length: 9 }, () => backoff.after(FAILED));
  expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

it('spreads the delay over the whole range', () => {
  const draws = [0, 0.5, 0.25];
  const backoff = createBackoff(() => draws.shift() ?? 0);
  expect([backoff.after(FAILED), backoff.after(FAILED), backoff.after(FAILED)]).toEqual([0, 250, 250]);
});

it('starts over after a connection that held, not after one that was cut at once', () => {
  const backoff = createBackoff(() => 1);
  for (let i = 0; i < 4; i++) backoff.after(FAILED);
  expect(backoff.after({ held: 50, contested: false })).toBe(4_000);
  expect(backoff.after({ held: 60_000, contested: false })).toBe(250);
});

it('gives way to another client that took the session, however long ours had held', () => {
  const backoff = createBackoff(() => 1);
  expect(backoff.after({ held: 60_000, contested: true })).toBe(8_000);
  expect(backoff.after({ held: 60_000, contested: true })).toBe(8_000);
  expect(backoff.after({ held: 10, contested: true })).toBe(16_000);
});

it('starts over when told to', () => {
  const backoff = createBackoff(() => 1);
  for (let i = 0; i < 4; i++) backoff.after(FAILED);
  backoff.reset();
  expect(backoff.after(FAILED)).toBe(250);
});
