import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const execute = promisify(execFile);

/** How long an example may take, in milliseconds, and how much longer its test: what it had printed is to be told. */
const PATIENCE = 80_000;
const MARGIN = 10_000;

/** Answers what an example prints. */
async function run(name: string): Promise<string> {
  const program = ['--import', 'tsx', 'examples/run.ts', name];
  try {
    return (await execute(process.execPath, program, { timeout: PATIENCE })).stdout;
  } catch (cause) {
    const { killed, stdout, stderr } = cause as { killed?: boolean; stdout?: string; stderr?: string };
    const how = killed ? `did not end in ${PATIENCE / 1000} seconds` : 'failed';
    throw new Error(`${name} ${how}, having printed:\n${stdout}\n${stderr}`, { cause });
  }
}

const names = readdirSync('examples')
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && file !== 'story.ts')
  .map((file) => file.replace('.ts', ''));

test('there are examples', () => expect(names).toContain('hello'));

test.each(names)(
  'example %s ends by itself, and what it tells is true',
  { timeout: PATIENCE + MARGIN },
  async (name) => {
    const stdout = await run(name);
    expect(stdout).not.toBe('');
    if (name === 'hello') expect(stdout).toContain('Carol, the broker and the directory saw bytes only');
    if (process.env.SEALMQ_REQUIRE_PEERS === '1') expect(stdout).not.toContain('skipped');
  },
);
