import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { peer } from './peers/require.js';

/** Path of a newer Node's binary; `.ci/run` installs one from the npm registry. */
const newest = process.env.SEALMQ_NEWEST_NODE;

describe.skipIf(!peer('newest node', newest !== undefined))('the unit tests on the newest Node', () => {
  test('pass', { timeout: 600_000 }, async () => {
    const suites = ['bytes', 'cose', 'crypto', 'envelope', 'identity'].map((name) => `test/${name}`);
    const args = ['node_modules/vitest/vitest.mjs', 'run', ...suites];
    const { stdout } = await promisify(execFile)(newest as string, args, { maxBuffer: 1 << 26 });
    expect(stdout).toMatch(/^\d+ passed, 0 failed, 0 skipped$/m);
  });
});
