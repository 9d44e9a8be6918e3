import { expect, test } from 'vitest';
import { createCapacity } from '../../src/client/capacity.js';

test('who has given up already does not wait for room', async () => {
  const capacity = createCapacity({
    limits: { entries: 1, bytes: 100 },
    used: () => ({ entries: 1, bytes: 1 }),
    changed: () => new Promise(() => {}),
    full: 'it is full',
  });
  await expect(capacity.reserve(1, 'wait', AbortSignal.abort())).rejects.toMatchObject({ code: 'STATE_FULL' });
});
