import { expect, test } from 'vitest';
import { callOneAfterTheOther } from './many-calls.js';

/** Bytes a call may leave behind: the number of its dial, remembered for 150 seconds, and what the engine compiles meanwhile. */
const LEFT_BEHIND = 100_000;

test('twenty calls one after the other leave nothing behind', { timeout: 120_000 }, async () => {
  const [after10, after20] = await callOneAfterTheOther([10, 20]);
  if (!after10 || !after20) throw new RangeError('no measure');
  expect(after20).toMatchObject({ connections: 0, filters: after10.filters, topics: 2 });
  // Most, where much else is going on: what takes the stack too long goes over the broker.
  expect(after20.direct).toBeGreaterThan(10);
  expect(after20.resources).toBeLessThanOrEqual(after10.resources);
  expect(after20.heap - after10.heap).toBeLessThan(10 * LEFT_BEHIND);
});
