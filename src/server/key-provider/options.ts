import type { CryptoProvider } from '../../crypto/provider.js';
import type { Awaitable } from '../../crypto/steps.js';
import type { Clock } from '../../ports/clock.js';
import type { Store } from '../../ports/store.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import type { TokenRate } from '../../protocol/token-bucket.js';
import type { Admission, AdmissionOptions } from '../admission/admission.js';
import type { CheckInfoOk, Registered } from '../registered.js';
import type { RegistrationOptions } from '../registration/options.js';

/** A record that somebody wants to publish; it is verified and follows the current one. */
export interface Claim {
  readonly record: KeyRecord;
  /** The current record, `undefined` when the address is free. */
  readonly current: KeyRecord | undefined;
  /** Headers of the request: a place for what a registration hands out. */
  readonly headers: Headers;
}

/** What a claim policy decides. The reason is told to the publisher. */
export type ClaimDecision = 'allow' | { readonly refused: string };

/** Requests an Internet address may send, and how many addresses are kept in mind. `false`: no limit. */
export interface RateLimits {
  /** GET and HEAD; default 500 at once, 100 a second. */
  readonly reads?: TokenRate | false;
  /** PUT and POST; default 60 at once, 2 a second. */
  readonly writes?: TokenRate | false;
  /** Default 50,000. */
  readonly clients?: number;
  /** The header in which your own reverse proxy states the client's address; default none: the socket's address. */
  readonly clientHeader?: string;
}

/** How a key provider is made. */
export interface KeyProviderOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Folder of the database, created with mode 0700. Without it and {@link store} everything is in memory. */
  readonly data?: string;
  /** A store instead of {@link data}; it holds the private signing key, so it should encrypt. The caller closes it. */
  readonly store?: Store;
  /** Certificate chain and private key in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Serve other machines without TLS: only behind a reverse proxy that has it. */
  readonly allowInsecure?: boolean;
  /** Life of an answer in seconds; default 300. Key changes take as long to be seen by everybody. */
  readonly maxAge?: number;
  /**
   * Register people by a code that is sent to them. Without it (default) everybody may claim a free address. The claim policy is asked
   * in either case.
   */
  readonly registration?: RegistrationOptions;
  /** Default: whoever may claim an address may have it. */
  readonly claimPolicy?: (claim: Claim) => Awaitable<ClaimDecision>;
  /**
   * Hands out tokens for a broker to devices that prove their key; `true` for all defaults. Without it there are none, and
   * whoever runs the broker decides otherwise who may connect.
   */
  readonly admission?: boolean | AdmissionOptions;
  readonly limits?: RateLimits;
  /** Told of each failure on this side (a full disk, a policy that throws), which a client sees as status 500. */
  readonly onError?: (error: unknown) => void;
  readonly clock?: Clock;
  /** Default: node:crypto. */
  readonly provider?: CryptoProvider;
}

/** A running key provider. */
export interface KeyProvider {
  /** Whether an address is registered: for a broker or a relay in the same process. */
  readonly registered: Registered;
  /** Verifies an Info OK of this directory. */
  readonly checkInfoOk: CheckInfoOk;
  /**
   * Publishes the key record of the relay under its reserved address. Only who runs this directory can: there is no request
   * for it, and clients take the directory's word for it.
   *
   * @throws `DECODE_*`, `VERIFY_SIGNATURE` for what is no record of a relay, `DIRECTORY_CONFLICT` for an older one
   */
  publishRelay(record: Uint8Array): Promise<void>;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The present public signing key (COSE_Key) and its thumbprint (base64url): what clients pin. */
  readonly directoryKey: { readonly publicKey: Uint8Array; readonly thumbprint: string };
  /** For a broker in this process (`admissionRules`), where tokens are handed out. */
  readonly admission?: Admission;
  /** The service itself, as a function: for tests, and for platforms that bring their own listener. */
  readonly app: (request: Request) => Promise<Response>;
  /**
   * Introduces the next signing key; the present one goes on signing for `overlap` seconds (default 7 days), so that clients
   * learn of the next. Clients that were away for longer follow the chain of key lists.
   *
   * @throws `USAGE_INVALID_ARGUMENT` while a roll-over is under way
   */
  rotateDirectoryKey(options?: { readonly overlap?: number }): Promise<void>;
  /** Stops listening, finishes what runs (at most 5 s), closes the database. */
  close(): Promise<void>;
}
