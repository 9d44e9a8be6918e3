import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandFailure } from './failure.js';

/** Asks for lines of standard input: a person's, or a program's. */
export interface Questions {
  /** The question goes to standard error. @throws `INTERRUPTED` when the input ends, or a signal comes */
  ask(question: string): Promise<string>;
  close(): void;
}

/** Reads standard input until {@link Questions.close}. */
export function openQuestions(signal: AbortSignal): Questions {
  const input = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const lines = input[Symbol.asyncIterator]();
  const close = () => input.close();
  signal.addEventListener('abort', close, { once: true });
  return {
    async ask(question) {
      process.stderr.write(question);
      const { value, done } = await lines.next();
      if (done) throw new CommandFailure('INTERRUPTED', 'no answer given');
      return value.trim();
    },
    close() {
      signal.removeEventListener('abort', close);
      close();
    },
  };
}

/** Asks on the terminal, without echo. The question goes to standard error: standard output may be a pipe. */
export async function askSecret(question: string, signal: AbortSignal): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  const interrupted = () => terminal.close();
  signal.addEventListener('abort', interrupted, { once: true });
  process.stderr.write(question);
  try {
    return await new Promise((resolve, reject) => {
      terminal.once('SIGINT', interrupted);
      // Also by Ctrl-D. After an answer it comes too late to matter.
      terminal.once('close', () => reject(new CommandFailure('INTERRUPTED', 'no passphrase given')));
      terminal.question('', resolve);
    });
  } finally {
    signal.removeEventListener('abort', interrupted);
    terminal.close();
    process.stderr.write('\n');
  }
}
