import { expect, test } from 'vitest';
import { createTracking, sentKey } from '../../src/client/tracking.js';
import { SealMQError } from '../../src/errors.js';

const key = (seq: number) => sentKey('bob', 1, seq);

test('a message is followed until the last of its devices has it, and no longer', async () => {
  const tracking = createTracking();
  const sent = Array.from({ length: 1000 }, (_, seq) => tracking.follow(key(seq)));
  expect(tracking.depth).toBe(1000);
  for (const seq of sent.keys()) tracking.arrived(key(seq), 'laptop', false);
  await Promise.all(sent.map(({ delivered }) => delivered));
  expect(tracking.depth).toBe(1000);
  for (const seq of sent.keys()) tracking.arrived(key(seq), 'phone', true);
  expect(sent[7]?.deliveredTo).toEqual(['laptop', 'phone']);
  expect(tracking.depth).toBe(0);
});

test('nothing is kept of what failed, nor of what nobody waits for', async () => {
  const tracking = createTracking();
  const failed = tracking.follow(key(1));
  tracking.failed(key(1), new SealMQError('STATE_EXPIRED', 'too late'));
  await expect(failed.delivered).rejects.toMatchObject({ code: 'STATE_EXPIRED' });
  const unfollowed = Array.from({ length: 1000 }, () => tracking.follow(undefined));
  expect(tracking.depth).toBe(0);
  tracking.close();
  for (const { delivered } of unfollowed) await expect(delivered).rejects.toMatchObject({ code: 'USAGE_CLOSED' });
});
