import { cp, rm } from 'node:fs/promises';
import { toBase64url } from '../../src/bytes/base64url.js';
import { openedCodec } from '../../src/client/entries.js';
import { openState } from '../../src/client/state.js';
import { defaultProvider } from '../../src/crypto/probe.js';
import { readJournal, type Task } from './task.js';

/** A line of a receiver's journal: a message was handed to its handler, or the handler was through with it. */
export interface JournalLine {
  readonly what: 'handed' | 'through';
  readonly pid: string;
  readonly id: string;
  readonly text: string;
}

/** What a receiver that was killed had recorded: these messages must not be handed over again. */
export interface Autopsy {
  /** Lines that its journal had. */
  readonly lines: number;
  readonly completed: ReadonlySet<string>;
}

export function readHandings({ journal }: Pick<Task, 'journal'>): JournalLine[] {
  return readJournal(journal).map((line) => {
    const [what, pid, id, text] = line.split(' ') as [JournalLine['what'], string, string, string];
    return { what, pid, id, text };
  });
}

/**
 * Looks into the store that a dead receiver left, in a copy of it: the completion of a message is recorded when the handler
 * said on the disk that it was through, and the store does not hold the message for the application any more.
 */
export async function examine(bob: Task): Promise<Autopsy> {
  const copy = `${bob.store}-examined`;
  await cp(bob.store, copy, { recursive: true });
  const { store } = await openState({ ...bob, store: copy }, await defaultProvider());
  const waiting = new Set<string>();
  try {
    for await (const [, value] of store.iterator({ gte: 'opened/', lt: 'opened0' })) {
      // In front of each entry lies the time when it came.
      waiting.add(toBase64url(openedCodec.decode(value.subarray(8)).messageId));
    }
  } finally {
    await store.close();
    await rm(copy, { recursive: true });
  }
  const journal = readHandings(bob);
  const through = journal.filter(({ what, id }) => what === 'through' && !waiting.has(id));
  return { lines: journal.length, completed: new Set(through.map(({ id }) => id)) };
}
