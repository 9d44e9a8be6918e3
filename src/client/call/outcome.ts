import { SealMQError } from '../../errors.js';
import type { CloseReason } from '../../protocol/call/frame.js';

/** How a call ended. */
export interface CallEnd {
  readonly reason: CloseReason;
  /** Who ended it. */
  readonly by: 'us' | 'them';
}

/** An end, and whether it was because something did not verify. */
export type Ending = CallEnd & { readonly unverified?: true };

const CODES = {
  hangup: 'CALL_ENDED',
  declined: 'CALL_DECLINED',
  busy: 'CALL_BUSY',
  elsewhere: 'CALL_ELSEWHERE',
  glare: 'CALL_ELSEWHERE',
  timeout: 'CALL_NO_ANSWER',
  failed: 'CALL_FAILED',
} as const;

/** The end as an error, for whoever wanted to go on. */
export function errorOf({ reason, by, unverified }: Ending, address: string): SealMQError {
  if (unverified) return new SealMQError('VERIFY_HANDSHAKE');
  return new SealMQError(CODES[reason], `the call with ${address} is over: ${reason}, by ${by}`);
}
