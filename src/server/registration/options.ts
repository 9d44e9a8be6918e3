import type { TokenRate } from '../../protocol/token-bucket.js';

/** A code on its way to somebody. */
export interface CodeMessage {
  /** An e-mail address, or a telephone number of E.164 (`+4915112345678`). */
  readonly to: string;
  /** 6 to 8 digits. */
  readonly code: string;
  /** Seconds since 1970-01-01T00:00Z. */
  readonly expiresAt: number;
  /** What to send, in English, the code in it. */
  readonly text: string;
}

/** What takes codes to people. */
export interface CodeSender {
  /** Rejects when it could not hand the message on. Called several times at once. */
  send(message: CodeMessage): Promise<void>;
  close(): Promise<void>;
}

/** How much registering a service bears; all limits but `pending` are `false` for none. */
export interface RegistrationLimits {
  /** Registrations that a network address may begin; default 20 at once, one every 30 s. */
  readonly perNetwork?: TokenRate | false;
  /** Answers that a network address may give; default 60 at once, one every 2 s. */
  readonly answers?: TokenRate | false;
  /** Codes to one mailbox or telephone; default 5 at once, one an hour. */
  readonly perVerificationId?: TokenRate | false;
  /** Registrations of one address or user id; default 10 at once, one every 10 minutes. */
  readonly perAddress?: TokenRate | false;
  /** Codes to everybody; default 500 at once, 5 a second. */
  readonly total?: TokenRate | false;
  /** Registrations that wait for their code at one time; default 10,000. */
  readonly pending?: number;
}

/** The Bloom filter of registration ids. */
export interface FilterOptions {
  /** Ids that the first layer takes in each generation; default 1,000,000. */
  readonly capacity?: number;
  /** Default 1e-6. */
  readonly falsePositives?: number;
  /** Seconds; default 365 days. Ids that nobody renews are forgotten after one to two generations. At least the life of an Info OK. */
  readonly generation?: number;
  /** Begin with an empty filter where file and copy are both damaged; ids come back as their Info OKs are renewed. */
  readonly rebuild?: boolean;
}

/** How a directory registers people. */
export interface RegistrationOptions {
  /** `named`: addresses are user names, and the directory hands out records. `anonymous`: addresses are registration ids. */
  readonly mode: 'named' | 'anonymous';
  /** What sends codes; at least one of them. The provider closes them. */
  readonly email?: CodeSender;
  readonly phone?: CodeSender;
  /** Digits of a code, 6 to 8; default 8. */
  readonly digits?: number;
  /** Life of an Info OK in seconds; default 90 days. */
  readonly infoOkLife?: number;
  /**
   * Addresses that one mailbox or telephone may hold; default 1. When there are more, a named service refuses the next one and an
   * anonymous one gives up the oldest. With `false` nothing is kept of verification ids, not even a keyed hash.
   */
  readonly perVerificationId?: number | false;
  readonly limits?: RegistrationLimits;
  readonly filter?: FilterOptions;
  /** 32 bytes that key hashes and filter, for a `store` of your own; with `data` it is derived from the data key. */
  readonly key?: Uint8Array;
}
