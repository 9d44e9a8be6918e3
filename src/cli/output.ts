import type { Writable } from 'node:stream';
import { CommandFailure } from './failure.js';
import { jsonLine, printable } from './printable.js';

/** Where a command writes. */
export interface Output {
  /** Writes a line of results; resolves when it is out. @throws `OUTPUT_CLOSED` when nobody reads any more */
  line(text: string): Promise<void>;
  /** Writes bytes as they are, without a line's end. @throws as {@link line} */
  bytes(bytes: Uint8Array): Promise<void>;
  /** Writes `value` as JSON on a line of its own. */
  json(value: unknown): Promise<void>;
  /** A note beside the results, on standard error. */
  note(text: string): void;
  /** Lines that a terminal is to act upon, on standard error. */
  picture(lines: readonly string[]): void;
  /** A note that only `--verbose` shows. */
  detail(text: string): void;
  verbose: boolean;
}

/** Results to `out`, notes to `err`. */
export function createOutput(out: Writable, err: Writable): Output {
  // What cannot be written is told to who writes; here it only must not end the process.
  for (const stream of [out, err]) stream.on('error', () => {});
  const write = (what: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      out.write(what, (error) => (error ? reject(closed()) : resolve()));
    });
  const line = (text: string) => write(`${text}\n`);
  const output: Output = {
    verbose: false,
    ...{ line, bytes: write },
    json: (value) => line(jsonLine(value)),
    note: (text) => void err.write(`${printable(text)}\n`),
    picture: (lines) => void err.write(`${lines.join('\n')}\n`),
    detail(text) {
      if (output.verbose) output.note(text);
    },
  };
  return output;
}

function closed(): CommandFailure {
  return new CommandFailure('OUTPUT_CLOSED', 'nobody reads the output');
}
