import type { CryptoProvider } from '../crypto/provider.js';
import type { TokenDesk } from '../ports/key-directory.js';
import type { PendingOperation, Store } from '../ports/store.js';
import type { Transport } from '../ports/transport.js';
import type { BrokerAdmission } from './admission.js';
import type { ContactList } from './contact-list.js';
import type { Echoes } from './echoes.js';
import type { HeldEvents } from './events.js';
import type { KeyCache } from './key-cache.js';
import type { Links } from './links.js';
import type { LocalAccount } from './local-account.js';
import type { MessengerEvents } from './messenger-events.js';
import type { RegistrationDesk } from './registration.js';

/** What the parts of one messenger share. */
export interface Context {
  readonly provider: CryptoProvider;
  readonly account: LocalAccount;
  readonly keys: KeyCache;
  readonly store: Store;
  readonly transport: Transport;
  /** Where the transport shows tokens of the directory, if there are any. */
  readonly admission: BrokerAdmission | undefined;
  /** Reads what a broker says that the directory has signed, where there can be such. */
  readonly readNotice: TokenDesk['readNotice'] | undefined;
  readonly events: HeldEvents<MessengerEvents>;
  readonly topicPrefix: string;
  /** Largest payload and largest sealed message in bytes. */
  readonly maxPayloadBytes: number;
  readonly maxSealedBytes: number;
  /** Least padded length of the signed part in bytes, or `false`. */
  readonly padding: number | false;
  /** Whether sent messages are kept until they are receipted. */
  readonly awaitReceipts: boolean;
  /** How messages go, and what devices tell each other, unless said otherwise. */
  readonly via: 'direct' | 'relay';
  readonly contacts: ContactList;
  /** Whether our other devices get copies of what this one sends. */
  readonly copies: boolean;
  readonly echoes: Echoes;
  readonly links: Links;
  readonly registration: RegistrationDesk;
  /**
   * Writes one batch, as durable as the application asked for; batches take effect in the order of the calls. Memory is ahead of
   * it, so a store that fails is asked again until it takes it; rejects only when it is closed before.
   */
  commit(operations: readonly PendingOperation[]): Promise<void>;
  /** {@link commit} for what can be undone in memory. @throws `STATE_UNAVAILABLE` when the store fails */
  tryCommit(operations: readonly PendingOperation[]): Promise<void>;
  /** Directory time in milliseconds, as far as it is known. */
  now(): number;
  /** What to wait for until {@link now} can be relied on again after the machine's clock jumped: nothing most of the time. */
  settled(): Promise<void> | undefined;
}

/** Whole seconds of {@link Context.now}. */
export function seconds(context: Pick<Context, 'now'>): number {
  return Math.floor(context.now() / 1000);
}
