import type { SealMQError } from '../errors.js';
import type { FrameRefusal } from '../protocol/call/state.js';
import type { Timeliness } from '../protocol/call/timeliness.js';
import type { SenderRefusal } from '../protocol/envelope/open.js';

/** Why a frame of a call was passed over: by its time, or by what can come next. */
export type CallRefusal = FrameRefusal | Exclude<Timeliness, 'timely'>;

/** Why a received message was not handed to the application. */
export type RejectionReason =
  | 'malformed'
  | 'not-for-me'
  | 'unverifiable'
  | 'expired'
  | 'from-the-future'
  | 'duplicate'
  | 'sequence-reused'
  | 'unnumbered'
  | 'stale-stream'
  | 'rolled-back'
  | 'state-for-other-devices'
  | 'too-many-channels'
  | 'quarantine-full'
  | 'handler-failed'
  | CallRefusal
  | SenderRefusal;

/** A message that was received and dropped for good. */
export interface Rejection {
  readonly reason: RejectionReason;
  /** Whom it names as its sender; verified only for `expired`, `from-the-future`, `duplicate`,
   * `sequence-reused`, `unnumbered`, `stale-stream`, `rolled-back`,
   * `too-many-channels` and `handler-failed`. */
  readonly from?: string;
  readonly error?: SealMQError;
}
