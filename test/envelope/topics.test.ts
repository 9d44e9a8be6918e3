import { describe, expect, test } from 'vitest';
import { assertAddress, isAddress } from '../../src/protocol/address.js';
import { DEFAULT_TOPIC_PREFIX, filterOf, placeOf, topicOf } from '../../src/protocol/envelope/index.js';
import { assertTopicPrefix } from '../../src/protocol/envelope/topics.js';
import { codeOf } from '../bytes/error-code.js';

describe('addresses', () => {
  test.each([
    'a',
    '0',
    'alice',
    'a.b-c_d',
    'a..b',
    `a${'b'.repeat(63)}`,
    `~${'a'.repeat(52)}`,
    `~${'z2345677'.repeat(6)}abcd`,
  ])('%s is one', (address) => {
    expect(isAddress(address)).toBe(true);
    expect(assertAddress(address)).toBe(address);
  });

  test.each([
    ['', 'Alice', 'é', 'a b', ' a', 'a ', 'a\n', '\na', 'a\u0000', 'a/b', 'a+', '#', '$SYS', '.a', '-a', '_a', 'a%2fb'],
    ['..', '.', `a${'b'.repeat(64)}`, 'room', 'group', 'relay', '~', `~${'a'.repeat(51)}`, `~${'a'.repeat(53)}`],
    [`~${'A'.repeat(52)}`, `~${'1'.repeat(52)}`, '\ufeffalice', 'ａlice', 'a\u0301'],
    [null, undefined, 7, ['alice'], { toString: (): string => 'alice' }],
  ])('%j and the like are none', (...values) => {
    for (const value of values) {
      expect(isAddress(value)).toBe(false);
      expect(codeOf(() => assertAddress(value))).toBe('USAGE_INVALID_ADDRESS');
    }
  });
});

describe('topics', () => {
  test.each(['message', 'signal', 'control', 'will'] as const)('%s there and back', (family) => {
    const topic = topicOf(DEFAULT_TOPIC_PREFIX, 'bob', family);
    expect(topic).toBe(`nes/bob/${family}`);
    expect(filterOf(DEFAULT_TOPIC_PREFIX, 'bob', family)).toBe(topic);
    expect(placeOf(DEFAULT_TOPIC_PREFIX, 'bob', topic)).toEqual({ family });
  });

  test('states have a level of their own each', () => {
    expect(filterOf(DEFAULT_TOPIC_PREFIX, 'bob', 'state')).toBe('nes/bob/state/+');
    expect(placeOf(DEFAULT_TOPIC_PREFIX, 'bob', 'nes/bob/state/x-1')).toEqual({ family: 'state', tag: 'x-1' });
  });

  test.each([
    'nes/carol/message',
    'nes/bob',
    'nes/bob/',
    'nes/bob/messages',
    'nes/bob/message/x',
    'nes/bob/state',
    'nes/bob/state/x/y',
    'x/nes/bob/message',
    '',
  ])('%s is none of Bob', (topic) => {
    expect(placeOf(DEFAULT_TOPIC_PREFIX, 'bob', topic)).toBeUndefined();
  });

  test('no topic is made of what is no address', () => {
    expect(codeOf(() => topicOf('nes', 'bob/#', 'message'))).toBe('USAGE_INVALID_ADDRESS');
  });

  test.each(['nes', 'a/b', 'Factory-1/line_2', '1/2/3/4/5/6/7/8'])('%s is a prefix', (prefix) => {
    expect(assertTopicPrefix(prefix)).toBe(prefix);
  });

  test.each([
    '',
    '/',
    'nes/',
    '/nes',
    'a//b',
    '+',
    'a/#',
    'a b',
    '$share/x',
    'a\u0000',
    '1/2/3/4/5/6/7/8/9',
    'x'.repeat(65),
  ])('"%s" is no prefix', (prefix) => {
    expect(codeOf(() => assertTopicPrefix(prefix))).toBe('USAGE_INVALID_ARGUMENT');
  });
});
