import type { StoreOperation } from '../ports/store.js';
import type { OpenedMessage } from '../protocol/envelope/open.js';
import type { Family } from '../protocol/envelope/topics.js';
import type { OpenedEntry } from './entries.js';
import type { Rejection } from './rejection.js';

/** A verified message and the two things that can become of it; a {@link Reception} calls exactly one of them, once. */
export interface Arrival {
  readonly message: OpenedMessage;
  /** It came after its time: it is not to be acted on any more. */
  readonly expired: boolean;
  /** The last level of a topic that has one of its own behind the family's. */
  readonly tag: string | undefined;
  /** To the application, together with `operations`, all or nothing. */
  hand(entries: readonly Omit<OpenedEntry, 'failures'>[], operations: readonly StoreOperation[]): void;
  /** Forgotten together with `operations`, all or nothing: silently when it has served its purpose, else with the reason. */
  drop(rejection?: Rejection, operations?: readonly StoreOperation[]): void;
}

/** What is done with a verified message of one family. Nothing more is opened until it resolves. */
export type Reception = (arrival: Arrival) => Promise<void>;

/** What this device receives: one row a family, whose topic is subscribed to. */
export type Receptions = { readonly [F in Family]?: Reception };
