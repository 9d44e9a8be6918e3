import type { KeyAlgorithm } from '../../crypto/provider.js';
import { type ErrorCode, isSealMQError, SealMQError } from '../../errors.js';
import type { Draft, OpenContext, OpenOutcome, SealKeys, SenderRefusal } from '../../protocol/envelope/index.js';

/** Most jobs or results of one message between the threads: few messages, and nobody waits long for the first of them. */
export const BATCH = 64;

/** What was asked of the pool, and who waits for it. */
export type PoolJob = {
  readonly n: number;
  /** What is to be sealed or opened. */
  readonly bytes: Uint8Array;
  readonly reject: (error: unknown) => void;
} & (
  | {
      readonly verb: 'seal';
      readonly draft: Draft;
      readonly keys: SealKeys;
      readonly resolve: (sealed: Uint8Array) => void;
    }
  | {
      readonly verb: 'open';
      readonly context: OpenContext;
      readonly resolve: (outcome: OpenOutcome) => void;
    }
);

export type SealJob = Extract<PoolJob, { verb: 'seal' }>;
export type OpenJob = Extract<PoolJob, { verb: 'open' }>;

/** A private key on its way to a worker: once, then it is named by `id`. */
export interface KeyHandOver {
  readonly kind: 'key';
  readonly id: number;
  readonly algorithm: KeyAlgorithm;
  readonly coseKey: Uint8Array;
}

/**
 * Messages to seal, as columns. What several of them share (their keys, a context) is one object here and, since
 * structured clone keeps identity, one object there: it travels once, and the worker looks it up once.
 */
export interface SealBatch {
  readonly kind: 'seal';
  readonly ns: readonly number[];
  readonly drafts: readonly Draft[];
  readonly keys: readonly WireSealKeys[];
}

/** Messages to open, as {@link SealBatch}. */
export interface OpenBatch {
  readonly kind: 'open';
  readonly ns: readonly number[];
  readonly sealed: readonly Uint8Array[];
  readonly contexts: readonly WireContext[];
}

/** Public keys travel as encoded COSE_Keys, private ones by their id. */
export interface WireSealKeys {
  readonly signKey: number;
  readonly recipients: readonly Uint8Array[];
}
export interface WireContext extends Omit<OpenContext, 'keys' | 'senderKey'> {
  readonly keys: readonly number[];
}

/** A worker asks for the key of a sender, by the context of the job `n`. */
export interface Question {
  readonly id: number;
  readonly n: number;
  readonly from: string;
  readonly kid: Uint8Array;
  readonly issuedAt: number;
}

/** What is known of a sender; its key encoded. */
export type Sender =
  | { readonly key: Uint8Array; readonly device?: string }
  | { readonly refused: SenderRefusal }
  | { readonly failed: Failure };

/** What came of the question `id`. */
export type Answer = Sender & { readonly id: number };

export interface Answers {
  readonly kind: 'answers';
  readonly answers: readonly Answer[];
}

/** What came of a job: the sealed message, what came of opening, or an error. */
export type Result = Uint8Array | WireOutcome | { readonly failed: Failure };

/** `make` of each object, made once. */
export function oncePer<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

export type ToWorker = KeyHandOver | SealBatch | OpenBatch | Answers;

export interface FromWorker {
  /** How many jobs the worker has been through since it last said so. Those that ask for a sender are not over yet. */
  readonly through: number;
  readonly ns: readonly number[];
  /** What came of the jobs `ns`. */
  readonly results: readonly Result[];
  readonly questions: readonly Question[];
}

/** An error as it travels: its class would not survive. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

export type WireOutcome = { readonly [Field in keyof OpenOutcome]: OpenOutcome[Field] } & { readonly error?: Failure };

export function failureOf(error: unknown): Failure {
  if (isSealMQError(error)) return { code: error.code, message: error.message };
  return { code: 'STATE_UNAVAILABLE', message: `a worker failed: ${String(error)}` };
}

export function errorOf({ code, message }: Failure): SealMQError {
  return new SealMQError(code, message);
}

export function toWire(outcome: OpenOutcome): WireOutcome {
  return 'error' in outcome ? { ...outcome, error: failureOf(outcome.error) } : outcome;
}

export function fromWire(outcome: WireOutcome): OpenOutcome {
  const { error } = outcome;
  return (error ? { ...outcome, error: errorOf(error) } : outcome) as OpenOutcome;
}
