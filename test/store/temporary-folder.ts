import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A path for a state folder that does not exist yet; its parent is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'sealmq-store-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  return join(parent, 'state');
}
