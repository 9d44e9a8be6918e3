import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contractSuites } from './app/contract-suites.js';
import type { Contracts } from './app/contracts.js';
import { type Ask, asker, type Stage } from './chromium.js';

/** The contract suites of the ports, each test of which runs in a page. */
export function contractTests(stage: () => Stage): void {
  let ask: Ask<Contracts>;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const context = await stage().browser.newContext();
    close = () => context.close();
    const page = await context.newPage();
    await page.goto(stage().site.url('contracts.html'));
    ask = asker<Contracts>(page);
  });
  afterAll(() => close());

  let declaring = '';
  contractSuites({
    describe: (suite, declare) =>
      describe(suite, () => {
        declaring = suite;
        declare();
      }),
    it(name) {
      const suite = declaring;
      it(name, async () => {
        const comparisons = await ask('run', suite, name);
        expect(comparisons.length).toBeGreaterThan(0);
        for (const [actual, expected] of comparisons) expect(actual).toEqual(expected);
      });
    },
    deepEqual: () => {},
  });
}
