import type { Phase } from './state.js';

/** Calls that may ring at the same time, and of one address; more where more are wanted at once. */
export const MAX_RINGING = 8;
export const MAX_RINGING_OF_ONE = 2;

/** A call that is going on, or rings, as far as the next dial is concerned. */
export interface Ongoing {
  /** With whom. */
  readonly address: string;
  readonly phase: Phase;
}

/** What becomes of a dial. */
export type DialVerdict =
  | 'ring'
  /** As many calls as we want are going on, or as many ring as can. */
  | 'busy'
  /** Both dialled, and our call goes on: theirs is passed over. */
  | 'ours'
  /** Both dialled, and theirs goes on: ours ends, and theirs is taken. */
  | 'theirs';

/**
 * What becomes of a dial by `from`. Of two that dial each other the call of the bytewise lower caller address goes on, so that
 * both come to the same without a word.
 *
 * @param limit - calls at once, not counting those that ring
 */
export function judgeDial(self: string, from: string, ongoing: readonly Ongoing[], limit: number): DialVerdict {
  const glare = ongoing.some(({ address, phase }) => address === from && phase === 'dialling');
  // Addresses are ASCII: the order of their characters is that of their bytes.
  if (glare) return self < from ? 'ours' : 'theirs';
  const ringing = ongoing.filter(({ phase }) => phase === 'ringing');
  const theirs = ringing.filter(({ address }) => address === from);
  const room = ringing.length < Math.max(MAX_RINGING, limit) && theirs.length < MAX_RINGING_OF_ONE;
  return room && goingOn(ongoing) < limit ? 'ring' : 'busy';
}

/** How many calls go on, which those that merely ring do not: nobody must keep the line busy by dialling. */
export function goingOn(ongoing: readonly Ongoing[]): number {
  return ongoing.filter(({ phase }) => phase !== 'closed' && phase !== 'ringing').length;
}
