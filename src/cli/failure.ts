import { CommanderError } from 'commander';
import { type ErrorCode, isSealMQError } from '../errors.js';
import { printable } from './printable.js';

/** What only a command line can run into. */
export type FailureCode = 'TIMEOUT' | 'INTERRUPTED' | 'OUTPUT_CLOSED' | 'DIGITS_DIFFER';

/** The failures of the program itself, beside the library's `SealMQError`. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly code: FailureCode,
    message: string,
  ) {
    super(message);
  }
}

const UNEXPECTED = 1;
const USAGE = 2;

/** Exit codes, by the family of an error's code. `--help` and docs/cli.md list them. */
const EXIT_CODES: readonly (readonly [prefix: string, exitCode: number])[] = [
  ['USAGE_', USAGE],
  ['DIRECTORY_', 3],
  ['TRANSPORT_', 4],
  ['CALL_NO_ANSWER', 7],
  ['CALL_DECLINED', 8],
  ['CALL_BUSY', 9],
  ['CALL_', 4],
  ['STATE_', 5],
  ['VERIFY_', 6],
  ['DECODE_', 6],
  ['DIGITS_DIFFER', 6],
  ['TIMEOUT', 7],
  ['INTERRUPTED', 130],
  // Like other filters: who closes the pipe has read what it wanted.
  ['OUTPUT_CLOSED', 0],
];

/** What to do about it on the command line, where the library's text speaks to programmers. */
const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  STATE_NOT_REGISTERED: 'run `sealmq register` first, or add --register',
  STATE_NOT_LINKED: 'run `sealmq device link` again',
  STATE_LOCKED: '`sealmq listen` or `sealmq chat` perhaps',
  STATE_WRONG_PASSPHRASE: 'SEALMQ_PASSPHRASE or --passphrase-file; for an identity file SEALMQ_EXPORT_PASSPHRASE',
  DIRECTORY_UNREACHABLE: 'is --directory right, and running?',
  TRANSPORT_TIMEOUT: 'is --broker right, and running?',
  USAGE_NO_IDENTITY_KEY: 'use the device where the account was made; another one is linked by `sealmq device link`',
};

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const code = codeOf(error);
  return EXIT_CODES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? UNEXPECTED;
}

/** One line for people, the code in brackets; `verbose` adds a line for each cause. Empty when there is nothing to tell. */
export function describe(error: unknown, verbose: boolean): readonly string[] {
  // Commander has printed its own.
  if (error instanceof CommanderError || codeOf(error) === 'OUTPUT_CLOSED') return [];
  const hint = isSealMQError(error) ? HINTS[error.code] : undefined;
  const line = `${textOf(error)}${hint ? `: ${hint}` : ''} [${codeOf(error)}]`;
  return [`sealmq: ${line}`, ...(verbose ? causes(error).map((cause) => `  because: ${cause}`) : [])];
}

function codeOf(error: unknown): string {
  if (isSealMQError(error) || error instanceof CommandFailure) return error.code;
  return 'UNEXPECTED';
}

function causes(error: unknown): string[] {
  const found: string[] = [];
  for (let cause = causeOf(error); cause !== undefined && found.length < 10; cause = causeOf(cause)) {
    found.push(isSealMQError(cause) ? `${textOf(cause)} [${cause.code}]` : textOf(cause));
  }
  return found;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** A directory's or broker's own words may be in it. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return printable(text).replaceAll('\n', ' ');
}
