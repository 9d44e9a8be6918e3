import type { SealMQError } from '../errors.js';
import type { ConnectionState } from '../ports/transport.js';
import type { SkipReason } from '../protocol/envelope/control.js';
import type { Range } from '../protocol/envelope/sequence.js';
import type { IncomingCall } from './call/call.js';
import type { KeyCacheEvents } from './key-cache.js';
import type { Message } from './message.js';
import type { Rejection } from './rejection.js';

/** Messages of a sender that were skipped and may still come. */
export interface MissingMessages {
  readonly from: string;
  readonly device: string;
  readonly stream: number;
  readonly range: Range;
}

/** Messages that will not come. */
export interface LostMessages extends MissingMessages {
  /**
   * What the sender says; `too-many-gaps` and `too-many-streams` when this device gave up by itself: more than 4,096 gaps in a
   * numbering, more than 8 numberings of one device.
   */
  readonly reason: SkipReason | 'too-many-gaps' | 'too-many-streams';
}

/** A state that its owner has cleared. */
export interface ClearedState {
  readonly from: string;
  readonly device: string;
  readonly channel: string;
}

/** A message that the broker took and passed on to nobody: no one is registered under its address. It is given up. */
export interface Undeliverable {
  readonly to: string;
  /** Of the message, as `send` answered it. */
  readonly id: string;
  /** `TRANSPORT_UNREGISTERED`; `delivered` of the message has rejected with it. */
  readonly error: SealMQError;
}

/** What a messenger tells; `cardConflict` is an alarm: a contact card that contradicts what is known. */
export interface MessengerEvents
  extends Pick<KeyCacheEvents, 'keyChanged' | 'devicesChanged' | 'rollbackRefused' | 'conflict' | 'cardConflict'> {
  /** `cause` says why there is none; `paused` means that the inbox is full, and the broker keeps what follows. */
  connection: ConnectionState;
  rejected: Rejection;
  missing: MissingMessages;
  /**
   * The first message that this device could open of a sender's numbering, and what lies below it: the past of a device that
   * joined later. It is neither asked for nor waited for; what the network merely brings late is accepted all the same.
   */
  earlier: MissingMessages;
  lost: LostMessages;
  undeliverable: Undeliverable;
  /** A state that somebody set for us. It is in `states()`, also after a restart: an event that was missed costs nothing. */
  state: Message;
  stateCleared: ClearedState;
  /** Somebody calls. Without a listener this device does not take part: another one of ours may. */
  call: IncomingCall;
  /** A passing fault that the messenger deals with by itself, for logs. */
  warning: SealMQError;
}
