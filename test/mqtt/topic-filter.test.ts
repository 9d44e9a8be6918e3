import { expect, it } from 'vitest';
import { topicMatcher } from '../../src/adapters/mqtt/topic-filter.js';

const CASES: readonly [filter: string, topic: string, matches: boolean][] = [
  ['a/b', 'a/b', true],
  ['a/b', 'a/b/c', false],
  ['a/b', 'a', false],
  ['a/b', 'A/b', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a/', true],
  ['a/+', 'a', false],
  ['a/+', 'a/b/c', false],
  ['+/+', '/finance', true],
  ['+', '/finance', false],
  ['a/#', 'a', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'ab', false],
  ['#', 'a/b', true],
  ['#', '$SYS/broker', false],
  ['+/broker', '$SYS/broker', false],
  ['$SYS/#', '$SYS/broker', true],
  ['$share/g/a/+', 'a/b', true],
  ['$share/g/a/+', 'g/a/b', false],
];

it.each(CASES)('%s against %s: %s', (filter, topic, matches) => {
  expect(topicMatcher([filter])(topic)).toBe(matches);
});

it('matches when any filter does, and never without filters', () => {
  expect(topicMatcher(['a', 'b/+'])('b/c')).toBe(true);
  expect(topicMatcher(['a', 'b/+'])('c')).toBe(false);
  expect(topicMatcher([])('a')).toBe(false);
});
