import type { Phase } from './state.js';

/** A call that is going on, as far as the next dial is concerned. */
export interface Ongoing {
  /** With whom. */
  readonly address: string;
  readonly phase: Phase;
}

/** What becomes of a dial. */
export type DialVerdict =
  | 'ring'
  /** As many calls as we want are going on. */
  | 'busy'
  /** Both dialled, and our call goes on: theirs is passed over. */
  | 'ours'
  /** Both dialled, and theirs goes on: ours ends, and theirs is taken. */
  | 'theirs';

/**
 * What becomes of a dial by `from`. Of two that dial each other the call of the bytewise lower caller address goes on, so that
 * both come to the same without a word.
 *
 * @param limit - calls at once
 */
export function judgeDial(self: string, from: string, ongoing: readonly Ongoing[], limit: number): DialVerdict {
  const glare = ongoing.some(({ address, phase }) => address === from && phase === 'dialling');
  // Addresses are ASCII: the order of their characters is that of their bytes.
  if (glare) return self < from ? 'ours' : 'theirs';
  return ongoing.filter(({ phase }) => phase !== 'closed').length < limit ? 'ring' : 'busy';
}
