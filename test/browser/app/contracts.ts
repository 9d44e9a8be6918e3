/** A page that runs the contract suites, a test at a time. What they compare is judged by whoever asked. */
import { offer } from './bridge.js';
import { contractSuites } from './contract-suites.js';

/** Two values that must be equal. */
export type Comparison = readonly [actual: unknown, expected: unknown];

/** What the page does for the tests. */
export interface Contracts {
  /** Runs one test and answers what it compared. */
  run(suite: string, name: string): Promise<Comparison[]>;
}

const tests = new Map<string, () => Promise<void>>();
let declaring = '';
let comparisons: Comparison[] = [];

contractSuites({
  describe(suite, declare) {
    declaring = suite;
    declare();
  },
  it: (name, test) => tests.set(titleOf(declaring, name), test),
  deepEqual: (actual, expected) => comparisons.push([actual, expected]),
});

const contracts: Contracts = {
  async run(suite, name) {
    comparisons = [];
    await (tests.get(titleOf(suite, name)) as () => Promise<void>)();
    return comparisons;
  },
};

function titleOf(suite: string, name: string): string {
  return `${suite}: ${name}`;
}

offer(contracts);
