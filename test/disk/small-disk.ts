import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { closing, type World } from '../client/world.js';
import type { SmallDiskLine, SmallDiskTask } from './small-disk-process.js';

const SCRIPT = fileURLToPath(new URL('small-disk-process.ts', import.meta.url));
const NODE = [process.execPath, '--import', 'tsx', SCRIPT];

/** KiB: the disk, and what of it is taken until somebody makes room; a log is copied before it is deleted. */
const DISK = 1600;
const BALLAST = 1000;

/** A process whose disk is full before long. */
export interface SmallDisk {
  readonly lines: readonly SmallDiskLine[];
  makeRoom(): void;
  /** That it ended by itself. */
  readonly exited: Promise<void>;
}

/** How a disk is made small. */
export type Kind = 'a full disk' | 'a limit on the size of files';

/** Whether this machine lets us mount a disk in memory, in a name space of the child's own. */
export function canMount(): boolean {
  return spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
}

export function canLimit(): boolean {
  return spawnSync('prlimit', ['--version']).status === 0;
}

/** Runs a messenger in a process of its own, on a small disk. */
export async function onSmallDisk(
  kind: Kind,
  world: World,
  who: Pick<SmallDiskTask, 'address' | 'to'>,
): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-small-'));
  closing(() => rm(folder, { recursive: true, force: true }));
  const ballast = join(folder, 'ballast');
  const where = { store: join(folder, 'state'), broker: world.brokerUrl, directory: world.directory.url, ballast };
  const task: SmallDiskTask = { ...who, ...where };
  const child = start(kind, folder, ballast, JSON.stringify(task));
  closing(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines: SmallDiskLine[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(JSON.parse(line)));
  const exited = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new TypeError(`the process ended with ${code}`);
  });
  exited.catch(() => {});
  return {
    ...{ lines, exited },
    makeRoom() {
      if (kind !== 'a full disk') execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
      child.stdin?.write('room\n');
    },
  };
}

/** The script of `task` with its disk; each is executed in place of the shell, so that the child is the process itself. */
function start(kind: Kind, folder: string, ballast: string, task: string): ChildProcess {
  const stdio = ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'];
  const run = '"$@"';
  if (kind === 'a full disk') {
    const mount = `mount -t tmpfs -o size=${DISK}k tmpfs "$0" && head -c ${BALLAST}k /dev/zero > "${ballast}" && exec ${run}`;
    return spawn('unshare', ['-m', 'sh', '-c', mount, folder, ...NODE, task], { stdio });
  }
  // In units of 512 bytes.
  const limit = `ulimit -S -f ${2 * (DISK - BALLAST)} && exec ${run}`;
  return spawn('sh', ['-c', limit, folder, ...NODE, task], { stdio });
}
