import type { Phase } from './state.js';

/** Calls that may ring at the same time, and of one address; more where more are wanted at once. */
export const MAX_RINGING = 8;
export const MAX_RINGING_OF_ONE = 2;

/** What somebody is to us, in rising order. */
const STANDINGS = ['stranger', 'contact', 'verified'] as const;
export type Standing = (typeof STANDINGS)[number];

/** Somebody who calls. */
export interface Caller {
  readonly address: string;
  readonly standing: Standing;
}

/** A call that is going on, or rings, as far as the next dial is concerned; with whom. */
export interface Ongoing extends Caller {
  readonly phase: Phase;
}

/** What becomes of a dial. */
export type DialVerdict<Call extends Ongoing> =
  /** It rings; `instead` of another call where there was no place left. */
  | { readonly kind: 'ring'; readonly instead?: Call }
  /** As many calls as we want are going on, or as many ring as can. */
  | { readonly kind: 'busy' }
  /** Both dialled, and our call goes on: theirs is passed over. */
  | { readonly kind: 'ours' }
  /** Both dialled, and theirs goes on: ours ends, and theirs is taken. */
  | { readonly kind: 'theirs' };

/**
 * What becomes of a dial by `from`. Of two that dial each other the call of the bytewise lower caller address goes on, so that
 * both come to the same without a word. Strangers cannot take all places: whoever we know better gets that of one of them.
 *
 * @param limit - calls at once, not counting those that ring
 */
export function judgeDial<Call extends Ongoing>(
  self: string,
  from: Caller,
  ongoing: readonly Call[],
  limit: number,
): DialVerdict<Call> {
  const glare = ongoing.some(({ address, phase }) => address === from.address && phase === 'dialling');
  // Addresses are ASCII: the order of their characters is that of their bytes.
  if (glare) return { kind: self < from.address ? 'ours' : 'theirs' };
  const ringing = ongoing.filter(({ phase }) => phase === 'ringing');
  const theirs = ringing.filter(({ address }) => address === from.address);
  if (theirs.length >= MAX_RINGING_OF_ONE || goingOn(ongoing) >= limit) return { kind: 'busy' };
  if (ringing.length < Math.max(MAX_RINGING, limit)) return { kind: 'ring' };
  const instead = givesWay(ringing, from);
  return instead ? { kind: 'ring', instead } : { kind: 'busy' };
}

/** Of the calls whose callers we know least the one that has rung longest, if we know `from` better. */
function givesWay<Call extends Ongoing>(ringing: readonly Call[], from: Caller): Call | undefined {
  const below = STANDINGS.slice(0, STANDINGS.indexOf(from.standing));
  const least = below.find((each) => ringing.some(({ standing }) => standing === each));
  return ringing.find(({ standing }) => standing === least);
}

/** How many calls go on, which those that merely ring do not: nobody must keep the line busy by dialling. */
export function goingOn(ongoing: readonly Ongoing[]): number {
  return ongoing.filter(({ phase }) => phase !== 'closed' && phase !== 'ringing').length;
}
