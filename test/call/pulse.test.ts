import { expect, test } from 'vitest';
import { Pulse } from '../../src/client/call/pulse.js';
import { virtualTime } from '../../src/testing/virtual-time.js';

test.each([
  ['at once', 1],
  ['when it is asked again', 2],
  ['never', undefined],
])('whoever is asked answers %s', async (_when, which) => {
  const time = virtualTime();
  try {
    const pulse = new Pulse();
    let asked = 0;
    const outcomes: boolean[] = [];
    const ask = () => {
      if (++asked === which) setTimeout(() => pulse.heard(), 100);
    };
    // What asks meanwhile asks the same question.
    for (let n = 0; n < 2; n++) void pulse.answers(ask).then((alive) => outcomes.push(alive));
    await time.pass(3_000);
    expect(outcomes).toEqual([which !== undefined, which !== undefined]);
    expect(asked).toBe(which ?? 2);
  } finally {
    time.end();
  }
});
