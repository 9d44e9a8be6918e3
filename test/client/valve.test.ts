import { expect, test } from 'vitest';
import { createValve } from '../../src/client/valve.js';
import { SealMQError } from '../../src/errors.js';

test('a valve that could not be closed says so, and tries again at the next message', async () => {
  const steps: string[] = [];
  const errors: unknown[] = [];
  const broken = new SealMQError('TRANSPORT_CLOSED', 'no');
  const transport = {
    pause: async () => {
      steps.push('pause');
      if (errors.length === 0) throw broken;
    },
    resume: () => void steps.push('resume'),
  };
  let drained = () => {};
  const changed = new Promise<void>((resolve) => {
    drained = resolve;
  });
  const inbox = { full: true, roomy: false, changed: () => changed };
  const valve = createValve(transport, inbox, (error) => errors.push(error));
  const full = expect.objectContaining({ code: 'STATE_FULL' });
  expect(() => valve.admit()).toThrow(full);
  await new Promise((resolve) => setTimeout(resolve));
  expect(errors).toEqual([broken]);
  expect(() => valve.admit()).toThrow(full);
  expect(() => valve.admit()).toThrow(full);
  inbox.roomy = true;
  drained();
  await new Promise((resolve) => setTimeout(resolve));
  expect(steps).toEqual(['pause', 'resume', 'pause', 'resume']);
});
