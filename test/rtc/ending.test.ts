import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** A process that is held for ever is ended by this, which makes the test fail. */
const HELD = 30_000;

test('a process ends by itself behind its last connection, also when it has refused a channel', async () => {
  const script = fileURLToPath(new URL('ending-process.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], { timeout: HELD });
  expect(stdout).toBe('closed\n');
});
