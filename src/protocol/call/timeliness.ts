import type { FrameType } from './frame.js';

/** How old a dial may be, and how far any frame's time may be from ours otherwise, in seconds. */
const DIAL_AGE = 90;
const TOLERANCE = 60;

/** How long a frame is remembered, in seconds: until it would be too old at any clock within the tolerance. */
export const FRAME_MEMORY = DIAL_AGE + TOLERANCE;

/** A frame as far as its time is concerned. */
export interface Stamp {
  readonly type: FrameType;
  /** Seconds. */
  readonly issuedAt: number;
}

/** `timely`, or why a frame is passed over. */
export type Timeliness = 'timely' | 'late' | 'early';

/** Whether the time of a frame is one at which it can be acted on. @param now - seconds */
export function timeOf({ type, issuedAt }: Stamp, now: number): Timeliness {
  if (issuedAt > now + TOLERANCE) return 'early';
  return issuedAt < now - (type === 'dial' ? DIAL_AGE : TOLERANCE) ? 'late' : 'timely';
}
