import type { KeyAlgorithm } from '../../crypto/provider.js';
import { type ErrorCode, isSealMQError, SealMQError } from '../../errors.js';
import type { Draft, OpenContext, OpenOutcome, SenderRefusal } from '../../protocol/envelope/index.js';

/** Most jobs or results of one message between the threads: few messages, and nobody waits long for the first of them. */
export const BATCH = 32;

/**
 * Puts what goes to the other thread into messages: what is answered takes something that fills the present one, and says how
 * much of a kind is in it. A message goes when that is {@link BATCH}, or at the end of this turn of the loop.
 */
export function inBatches<Message>(
  begin: () => Message,
  post: (message: Message) => void,
): (put: (message: Message) => number) => void {
  let due: Message | undefined;
  const flush = (message: Message): void => {
    if (due !== message) return;
    due = undefined;
    post(message);
  };
  const start = (): Message => {
    const begun = begin();
    setImmediate(() => flush(begun));
    return begun;
  };
  return (put) => {
    due ??= start();
    if (put(due) >= BATCH) flush(due);
  };
}

/** A private key on its way to a worker: once, then it is named by `id`. */
export interface KeyHandOver {
  readonly id: number;
  readonly algorithm: KeyAlgorithm;
  readonly coseKey: Uint8Array;
}

/** One message to seal or open. Public keys travel as encoded COSE_Keys, private ones by their id. */
export type Job =
  | {
      readonly kind: 'seal';
      readonly n: number;
      readonly draft: Draft;
      readonly signKey: number;
      readonly recipients: readonly Uint8Array[];
    }
  | {
      readonly kind: 'open';
      readonly n: number;
      readonly sealed: Uint8Array;
      readonly context: Omit<OpenContext, 'keys' | 'senderKey'>;
      readonly keys: readonly number[];
    };

/** A worker asks for the key of a sender, for the job `n`. */
export interface Question {
  readonly n: number;
  readonly from: string;
  readonly kid: Uint8Array;
  readonly issuedAt: number;
}

export type Answer =
  | { readonly n: number; readonly key: Uint8Array; readonly device?: string }
  | { readonly n: number; readonly refused: SenderRefusal }
  | { readonly n: number; readonly failed: Failure };

/** What came of the job `n`. */
export type Result =
  | { readonly n: number; readonly sealed: Uint8Array }
  | { readonly n: number; readonly outcome: WireOutcome }
  | { readonly n: number; readonly failed: Failure };

/** To a worker, and back: everything that is due, in one message. */
export interface ToWorker {
  readonly keys: readonly KeyHandOver[];
  readonly jobs: readonly Job[];
  readonly answers: readonly Answer[];
}
export interface FromWorker {
  readonly results: readonly Result[];
  readonly questions: readonly Question[];
}

/** An error as it travels: its class would not survive. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

type WireOutcome = { readonly [Field in keyof OpenOutcome]: OpenOutcome[Field] } & { readonly error?: Failure };

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
