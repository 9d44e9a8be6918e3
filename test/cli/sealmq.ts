import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach } from 'vitest';
import { PROGRAM } from './built.js';

/** Standard input that stays open. */
export const open = Symbol('open');

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** What a finished program has left. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** The next line of standard output. Fails when there is none any more. */
  line(): Promise<string>;
  /** Writes a line to standard input. */
  type(line: string): void;
  /** All that standard error holds. */
  notes(): string;
  /** Resolves when standard error holds `text`. */
  note(text: string): Promise<void>;
  readonly finished: Promise<Finished>;
}

/** A shell, so to say: a home folder, an environment, and programs that are ended after the test. */
export interface Shell {
  readonly home: string;
  /** All variables that its programs see. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts `sealmq …args` and leaves it running. With the input `open`, lines come by {@link Running.type}. */
  start(args: readonly string[], input?: string | Uint8Array | typeof open): Running;
  /** Runs `sealmq …args` to its end. */
  run(args: readonly string[], input?: string | Uint8Array): Promise<Finished>;
  /** Another shell with more, or other, variables. */
  with(variables: Readonly<Record<string, string>>): Shell;
}

/** A shell whose home is a new folder, removed after the test; no variable of ours comes in from outside. */
export async function openShell(variables: Readonly<Record<string, string>> = {}): Promise<Shell> {
  const home = await temporaryFolder();
  return shellIn(home, { PATH: process.env.PATH ?? '', SEALMQ_HOME: home, ...variables });
}

/** A new folder, removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-cli-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Addresses as `sealmq serve --json` prints them. */
export interface Served {
  readonly mqtt: string;
  readonly ws: string;
  readonly http: string;
  readonly directoryKey: string;
}

/** `sealmq serve` on free ports, stopped after the test. */
export async function serve(...args: readonly string[]): Promise<Served & { readonly running: Running }> {
  const shell = await openShell();
  const running = shell.start(['serve', '--mqtt', '0', '--ws', '0', '--http', '0', '--json', ...args]);
  return { ...(JSON.parse(await running.line()) as Served), running };
}

/** A new home that knows `served`. */
export function shellFor(served: Served, variables: Readonly<Record<string, string>> = {}): Promise<Shell> {
  return openShell({ SEALMQ_BROKER: served.mqtt, SEALMQ_DIRECTORY: served.http, ...variables });
}

function shellIn(home: string, env: Readonly<Record<string, string>>): Shell {
  const start: Shell['start'] = (args, input) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: 'pipe' });
    child.stdin.on('error', () => {});
    if (input !== open) child.stdin.end(input);
    closers.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    return watch(child, args);
  };
  return {
    home,
    env,
    start,
    run: (args, input) => start(args, input).finished,
    with: (variables) => shellIn(variables.SEALMQ_HOME ?? home, { ...env, ...variables }),
  };
}

function watch(child: ReturnType<typeof spawn> & ChildProcess, args: readonly string[]): Running {
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error('no pipes');
  const seen = { stdout: '', stderr: '' };
  stdout.on('data', (chunk) => {
    seen.stdout += String(chunk);
  });
  stderr.on('data', (chunk) => {
    seen.stderr += String(chunk);
  });
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    child,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`sealmq ${args.join(' ')} said no more; ${seen.stderr}`);
      return value;
    },
    type: (line) => void child.stdin?.write(`${line}\n`),
    notes: () => seen.stderr,
    async note(text) {
      while (!seen.stderr.includes(text)) await once(stderr, 'data');
    },
    finished: once(child, 'close').then(([code]) => ({ code: code as number | null, ...seen })),
  };
}
