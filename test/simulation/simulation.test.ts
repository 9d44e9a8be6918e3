import { expect, test } from 'vitest';
import { Ledger } from './ledger.js';
import { SIZE } from './seeds.js';
import { simulate } from './simulate.js';

test('a seed makes the same run every time, and all kinds of mischief are done', async () => {
  const [first, again, other] = [await simulate(7, SIZE), await simulate(7, SIZE), await simulate(8, SIZE)];
  expect(again).toEqual(first);
  expect(other.trace).not.toBe(first.trace);
  const done = new Set([...first.mischief.keys(), ...other.mischief.keys()]);
  for (const kind of [
    'drop',
    'double',
    'delay',
    'replay',
    'move',
    'alter',
    'flood',
    'cut',
    'forget',
    'pretend',
  ] as const)
    expect(done).toContain(kind);
  expect(first.lives).toBeGreaterThan(SIZE.actors);
});

test('the ledger notices what must not happen', () => {
  const ledger = new Ledger((address) => (address === 'dave' ? 'soon' : 'each'));
  ledger.begin('alice 1', 'bob');
  ledger.post({ text: 'alice 1', from: 'alice', to: 'bob', seq: 1, burst: 'alice 1' });
  const posted = ledger.post({ text: 'alice 2', from: 'alice', to: 'bob', seq: 1, burst: 'alice 2' });
  expect(ledger.problems.splice(0)).toEqual(['the number alice→bob 1 was given twice']);
  ledger.hand('bob', 1, 'alice 1', 'alice');
  ledger.hand('bob', 2, 'alice 1', 'alice');
  expect(ledger.problems).toEqual([]);
  ledger.hand('bob', 2, 'alice 1', 'alice');
  expect(ledger.problems.splice(0)).toEqual([
    'bob was handed alice 1 again in life 2, after life 2 was through with it',
  ]);
  ledger.hand('carol', 1, 'alice 1', 'alice');
  ledger.hand('bob', 3, 'alice 3', 'alice');
  ledger.hand('bob', 3, 'alice 2', 'mallory');
  expect(ledger.problems.splice(0)).toHaveLength(3);
  const ofDave = Array.from({ length: 65 }, (_, i) => `alice ${i + 10}`);
  for (const text of ofDave) ledger.begin(text, 'dave');
  for (const life of [1, 2]) for (const text of ofDave) ledger.hand('dave', life, text, 'alice');
  expect(ledger.problems.splice(0)).toEqual([
    'dave was handed alice 10 again in life 2, after life 1 was through with it',
  ]);
  expect(ledger.isReported(posted)).toBe(false);
  ledger.report('missing', 'bob', 'alice', [1, 1]);
  expect([ledger.isReported(posted), ledger.isLost(posted)]).toEqual([true, false]);
});
