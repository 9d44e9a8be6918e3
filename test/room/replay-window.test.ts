import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyWindow, REPLAY_WINDOW, seeCounter } from '../../src/protocol/replay-window.js';

test('a counter passes once, in any order, and not when it lies too far back', () => {
  const counters = fc.array(fc.oneof(fc.nat(40), fc.nat(3 * REPLAY_WINDOW), fc.nat(2 ** 50)), { maxLength: 200 });
  fc.assert(
    fc.property(counters, (given) => {
      const seen = new Set<number>();
      let window = emptyWindow;
      for (const ctr of given) {
        const isNew = !seen.has(ctr) && ctr > window.highest - REPLAY_WINDOW;
        const next = seeCounter(window, ctr);
        expect(next !== undefined).toBe(isNew);
        if (!next) continue;
        seen.add(ctr);
        window = next;
        expect(window.highest).toBe(Math.max(...seen));
        expect(window.missing.length).toBeLessThan(REPLAY_WINDOW);
      }
    }),
  );
});
