import { readFileSync } from 'node:fs';
import type { MessengerOptions } from '../../src/client/options.js';

/** What a process of a crash test is told, as JSON in its first argument. */
export interface Task {
  readonly address: string;
  readonly store: string;
  readonly broker: string;
  readonly directory: string;
  readonly settle?: 'soon' | 'each';
  /** A file with a line for each message that was sent or handed over: it survives the process. */
  readonly journal: string;
  /** For a sender: to whom, and how many. */
  readonly to: string;
  readonly messages: number;
}

/** The task, and the settings of its messenger: as in real life, but less patient. */
export function readTask(): Task & { readonly options: MessengerOptions } {
  const task = JSON.parse(process.argv[2] ?? '') as Task;
  const { address, store, broker, directory, settle = 'soon' } = task;
  const timing = { receiptDelay: 50, gapDelay: 100, republishAfter: 300 };
  return { ...task, options: { address, store, broker, directory, settle, timing, connect: 'background' } };
}

/** The lines of a journal; the last one counts only when it is complete. */
export function readJournal(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}
