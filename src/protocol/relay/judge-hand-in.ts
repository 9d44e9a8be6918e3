import { toHex } from '../../bytes/bytes.js';
import { type TokenBucket, type TokenRate, takeToken, takeTokens } from '../token-bucket.js';
import type { HandIn } from './hand-in.js';
import type { HandInRefusal, RelayAnswer } from './relay-answer.js';

/** How far a hand-in's `issuedAt` may be from the relay's time, in seconds. */
export const HAND_IN_WINDOW = 300;

/** Answers that are remembered of one sender. */
const MAX_ANSWERED = 2048;

/** A copy counts as one of the rate for each of its begun pieces of this many bytes. */
const PIECE_BYTES = 1 << 16;

/** How often one answer is repeated, and how often a sender hears a refusal. */
const REPEAT_RATE: TokenRate = { burst: 3, perSecond: 1 };
const REFUSAL_RATE: TokenRate = { burst: 10, perSecond: 1 };

/** What a relay takes. */
export interface HandInLimits {
  readonly receivers: number;
  /** Of a sealed message. */
  readonly bytes: number;
  /** Copies of one sender; one of more than 64 KiB counts as several. */
  readonly copies: TokenRate;
}

/** An answer that was given. */
interface Answered {
  readonly nonce: string;
  readonly issuedAt: number;
  readonly answer: RelayAnswer;
  readonly repeats?: TokenBucket;
}

/** What a relay remembers of one sender: never what was handed in. */
export interface SenderState {
  /** Oldest first. */
  readonly answered: readonly Answered[];
  /** The latest `issuedAt` that was forgotten: whatever is not later may have been answered before. Seconds. */
  readonly forgotten: number;
  readonly copies?: TokenBucket;
  readonly refusals?: TokenBucket;
}

/** Nothing yet. */
export const NEW_SENDER: SenderState = { answered: [], forgotten: -1 };

/** What is to be done with a hand-in. */
export type HandInVerdict =
  /** Copies are to be made; {@link rememberAnswer} follows. */
  | { readonly kind: 'take' }
  /** It was answered before: the same again. Or nobody gets a copy. */
  | { readonly kind: 'answer'; readonly answer: RelayAnswer }
  /** Not even an answer: there were enough. */
  | { readonly kind: 'ignore' };

/** A hand-in whose signature verified: what it says, and how long the sealed message is. */
export interface VerifiedHandIn {
  readonly content: Pick<HandIn, 'nonce' | 'issuedAt' | 'receivers'>;
  readonly bytes: number;
}

/** The state after a hand-in, and what is to be done. */
export interface Judged {
  readonly state: SenderState;
  readonly output: HandInVerdict;
}

/**
 * Judges a verified hand-in: one with a nonce that was answered gets the same answer, and no second copies; then time, size
 * and rate are looked at. `state` is left as it was.
 *
 * @param now - milliseconds of the relay's time
 */
export function judgeHandIn(state: SenderState, handIn: VerifiedHandIn, now: number, limits: HandInLimits): Judged {
  const { content } = handIn;
  const nonce = toHex(content.nonce);
  const at = state.answered.findLastIndex((one) => one.nonce === nonce);
  const known = state.answered[at];
  if (known) return repeat(state, at, known, now);
  if (!isInTime(state, content.issuedAt, now)) return refuse(state, content.nonce, now, 'stale');
  if (content.receivers.length > limits.receivers) return refuse(state, content.nonce, now, 'too-many-receivers');
  if (handIn.bytes > limits.bytes) return refuse(state, content.nonce, now, 'too-large');
  const count = content.receivers.length * Math.max(1, Math.ceil(handIn.bytes / PIECE_BYTES));
  if (count > limits.copies.burst) return refuse(state, content.nonce, now, 'too-large');
  const { bucket, wait } = takeTokens(state.copies, limits.copies, now, count);
  const counted = { ...state, copies: bucket };
  if (wait > 0) return refuse(counted, content.nonce, now, 'rate-limited', Math.ceil(wait / 1000));
  return { state: counted, output: { kind: 'take' } };
}

/** The state once a hand-in was answered, so that it is answered in the same way when it comes again. */
export function rememberAnswer(
  state: SenderState,
  { issuedAt }: Pick<HandIn, 'issuedAt'>,
  answer: RelayAnswer,
): SenderState {
  const answered = [...state.answered, { nonce: toHex(answer.nonce), issuedAt, answer }];
  const excess = answered.splice(0, Math.max(0, answered.length - MAX_ANSWERED));
  const forgotten = Math.max(state.forgotten, ...excess.map((one) => one.issuedAt));
  return { ...state, answered, forgotten };
}

function isInTime({ forgotten }: SenderState, issuedAt: number, now: number): boolean {
  return Math.abs(issuedAt - now / 1000) <= HAND_IN_WINDOW && issuedAt > forgotten;
}

function repeat(state: SenderState, at: number, known: Answered, now: number): Judged {
  const { bucket, wait } = takeToken(known.repeats, REPEAT_RATE, now);
  const answered = state.answered.with(at, { ...known, repeats: bucket });
  const output: HandInVerdict = wait > 0 ? { kind: 'ignore' } : { kind: 'answer', answer: known.answer };
  return { state: { ...state, answered }, output };
}

/** A refusal is not remembered: the same hand-in may be taken later. */
function refuse(
  state: SenderState,
  nonce: Uint8Array,
  now: number,
  refusal: HandInRefusal,
  retryAfter?: number,
): Judged {
  const { bucket, wait } = takeToken(state.refusals, REFUSAL_RATE, now);
  const told = { ...state, refusals: bucket };
  if (wait > 0) return { state: told, output: { kind: 'ignore' } };
  const reason = retryAfter === undefined ? { refusal } : { refusal, retryAfter };
  return {
    state: told,
    output: { kind: 'answer', answer: { nonce, now: Math.floor(now), ...reason, refused: new Map() } },
  };
}
