import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { hex } from './vectors.js';

/** The Python of Debian, for which its packages python3-cbor2 and python3-cryptography are. */
const PYTHON = '/usr/bin/python3';
const READER = fileURLToPath(new URL('reader.py', import.meta.url));

/** What the reader says to a job: a `kind`, and what belongs to it. Bytes are hexadecimal. */
export interface Answer {
  readonly kind: string;
  readonly reason?: string;
  readonly why?: string;
  readonly payload?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly trace?: Readonly<Record<string, string>>;
  readonly [more: string]: unknown;
}

/** A job of reader.py; what belongs to each `op` stands there. */
export interface Job {
  readonly op: string;
  readonly [more: string]: unknown;
}

/** Where the reader takes the sender's key from: a given answer, or key records. */
export type Sender = { readonly key: string } | { readonly refused: string } | { readonly records: readonly string[] };

/** Whether the reader can run here. */
export function pythonAvailable(): boolean {
  return spawnSync(PYTHON, ['-B', '-c', 'import cbor2, cryptography'], { stdio: 'ignore' }).status === 0;
}

/** Lets the reader do jobs; as many answers, in their order. */
export function askPython(jobs: readonly Job[]): Answer[] {
  const options = { input: JSON.stringify(jobs), encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-B', READER], options);
  if (status !== 0) throw new Error(`reader.py has failed: ${stderr}`);
  return JSON.parse(stdout);
}

/** A job that opens a message; byte strings become hexadecimal. */
export function opening(job: {
  readonly message: string | Uint8Array;
  readonly family?: string;
  readonly address: string;
  readonly keys: readonly (string | Uint8Array)[];
  readonly now: number;
  readonly sender: Sender;
}): Job {
  return { op: 'open', family: 'message', ...job, message: hex(job.message), keys: job.keys.map(hex) };
}
