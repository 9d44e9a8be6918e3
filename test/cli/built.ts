import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The program under test: what a user runs. */
export const PROGRAM = join('dist', 'cli.js');

const LOCK = join('dist', '.building');
const STALE_LOCK = 60_000;

/** Builds unless the build is newer than every source; several test files may ask at once. */
export async function ensureBuilt(): Promise<void> {
  while (!isFresh()) {
    if (takeLock()) {
      try {
        execFileSync('npx', ['tsup', '--silent'], { stdio: ['ignore', 'inherit', 'pipe'] });
      } finally {
        rmSync(LOCK, { recursive: true, force: true });
      }
      return;
    }
    await delay(200);
  }
}

function isFresh(): boolean {
  const built = modified(PROGRAM);
  return readdirSync('src', { recursive: true, encoding: 'utf8' }).every(
    (file) => modified(join('src', file)) <= built,
  );
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function takeLock(): boolean {
  mkdirSync('dist', { recursive: true });
  if (modified(LOCK) > 0 && Date.now() - modified(LOCK) > STALE_LOCK) rmSync(LOCK, { recursive: true, force: true });
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    return false;
  }
}
