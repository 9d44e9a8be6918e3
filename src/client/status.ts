import { present } from '../bytes/fields.js';
import type { ConnectionState } from '../ports/transport.js';
import type { DirectoryClock } from './directory-clock.js';
import type { Inbox } from './inbox.js';
import type { KeyCache, KeyCacheStats } from './key-cache.js';
import type { Outbox } from './outbox.js';
import type { HandIns } from './relay/hand-ins.js';
import type { SentBox } from './sent-box.js';

/** The queues of a messenger. */
export type QueueName = 'inbox' | 'quarantine' | 'opened' | 'failed' | 'outbox' | 'handIns' | 'unreceipted';

/** Figures of a messenger, for people and monitoring: how many messages wait in each queue, and more. */
export interface MessengerStatus {
  readonly connection: ConnectionState['state'];
  /** The last change of the connection, with the reason where there is none. */
  readonly lastChange: ConnectionState;
  /** As they came. */
  readonly inbox: number;
  /** For a key, for the directory, for a decision on a new identity key. */
  readonly quarantine: number;
  /** For the application. */
  readonly opened: number;
  /** Set aside after the handler failed. */
  readonly failed: number;
  /** For the broker. */
  readonly outbox: number;
  /** For the answer of the relay. */
  readonly handIns: number;
  /** Sealed messages that the broker has and whose receipts are not all in. */
  readonly unreceipted: number;
  /** For how long the first entry of each queue has been in it, in milliseconds; nothing for those that are empty. */
  readonly waiting: { readonly [Name in QueueName]?: number };
  /** Look-ups of other people's keys. */
  readonly keys: KeyCacheStats;
  /** Directory time minus this machine's, in milliseconds. */
  readonly clockDelta: number;
}

/** What the figures are read from. */
export interface Measured {
  readonly context: { readonly keys: KeyCache; now(): number };
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly handIns: HandIns;
  readonly sentBox: SentBox;
  readonly clock: DirectoryClock;
  connection(): ConnectionState;
}

/** The figures now. */
export function measure({ context, inbox, outbox, handIns, sentBox, clock, connection }: Measured): MessengerStatus {
  const now = context.now();
  const age = (at: number | undefined) => (at === undefined ? undefined : Math.max(0, Math.round(now - at)));
  const lastChange = connection();
  return {
    connection: lastChange.state,
    lastChange,
    inbox: inbox.raw.depth,
    quarantine: inbox.quarantine.depth,
    opened: inbox.opened.depth,
    failed: inbox.failed.depth,
    outbox: outbox.queue.depth,
    handIns: handIns.queue.depth,
    unreceipted: sentBox.depth,
    waiting: present({
      inbox: age(inbox.raw.oldest),
      quarantine: age(inbox.quarantine.oldest),
      opened: age(inbox.opened.oldest),
      failed: age(inbox.failed.oldest),
      outbox: age(outbox.queue.oldest),
      handIns: age(handIns.queue.oldest),
      unreceipted: age(sentBox.oldest),
    }),
    keys: context.keys.stats(),
    clockDelta: clock.delta,
  };
}
