import { SealMQError } from '../errors.js';
import type { Context } from './context.js';
import type { OpenedEntry } from './entries.js';
import type { Inbox } from './inbox.js';
import { Message } from './message.js';

/** Messages that the handler failed on for minutes: they were verified and receipted, and lie here until they are retried or dropped. */
export interface FailedMessages {
  /** All of them, the one that failed first in front. */
  list(): Promise<Message[]>;
  /**
   * Hands a message over again, behind those that wait.
   *
   * @param id - `message.id`
   * @throws `USAGE_INVALID_ARGUMENT` when none of that id is here; `STATE_UNAVAILABLE`
   */
  retry(id: string): Promise<void>;
  /** Forgets a message. @throws as {@link retry} */
  drop(id: string): Promise<void>;
}

/** What was set aside in `inbox.failed`. */
export function createFailedMessages(context: Context, { failed, opened }: Inbox): FailedMessages {
  const all = async () => {
    const found: { readonly n: number; readonly entry: OpenedEntry }[] = [];
    for await (const { n, value } of failed.entries()) found.push({ n, entry: value });
    return found;
  };
  const find = async (id: string) => {
    const found = (await all()).find(({ entry }) => new Message(entry).id === id);
    // Somebody else may have been faster.
    if (found && failed.has(found.n)) return found;
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'no failed message has this id');
  };
  return {
    list: async () => (await all()).map(({ entry }) => new Message(entry)),
    async retry(id) {
      const { n, entry } = await find(id);
      const again = opened.append({ ...entry, failures: 0 });
      await context.commit([failed.remove(n), again.operation]);
      opened.confirm(again.n);
    },
    async drop(id) {
      const { n } = await find(id);
      await context.commit([failed.remove(n)]);
    },
  };
}
