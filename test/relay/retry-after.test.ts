import { expect, test } from 'vitest';
import { pauseOf } from '../../src/server/relay/push/pusher.js';

const DAY = 24 * 3600 * 1000;

test.each([
  [undefined, undefined],
  ['soon', undefined],
  ['0', 0],
  ['120', 120_000],
  [new Date(0).toUTCString(), 0],
  ['999999999', DAY],
  ['9'.repeat(400), DAY],
  ['Fri, 31 Dec 9999 23:59:59 GMT', DAY],
])('Retry-After: %s', (retryAfter, pause) => {
  expect(pauseOf(retryAfter)).toBe(pause);
});
