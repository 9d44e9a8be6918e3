import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const names = readdirSync('examples')
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && file !== 'story.ts')
  .map((file) => file.replace('.ts', ''));

test('there are examples', () => expect(names).toContain('hello'));

test.each(names)('example %s ends by itself, and what it tells is true', { timeout: 90_000 }, async (name) => {
  const { stdout } = await run('npx', ['tsx', 'examples/run.ts', name]);
  expect(stdout).not.toBe('');
  if (name === 'hello') expect(stdout).toContain('Carol, the broker and the directory saw bytes only');
  if (process.env.SEALMQ_REQUIRE_PEERS === '1') expect(stdout).not.toContain('skipped');
});
