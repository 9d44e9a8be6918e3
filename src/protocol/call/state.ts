import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import type { ReplayWindow } from '../replay-window.js';
import type { Candidate } from './body.js';
import type { CallFrame, CloseReason, FrameType } from './frame.js';
import type { HandshakeKeys, MessageKeys, Party } from './keys.js';

/** How long a dial is valid, in milliseconds: waking somebody takes time. */
export const DIAL_LIFE = 90_000;

/** How long each later step of the handshake may take, in milliseconds. */
export const STEP_LIFE = 60_000;

/** Frames and candidates that wait for what must come before them, at most. */
export const MAX_WAITING = 64;

/** Who is to read a frame. */
export interface Readers {
  readonly address: string;
  /** Thumbprint of the signing key of the one device; all devices where absent. */
  readonly signing?: Uint8Array;
  /** All devices but this one. */
  readonly except?: Uint8Array;
}

/** A frame, sealed. */
export interface SealedFrame {
  readonly bytes: Uint8Array;
  /** SHA-256 of its COSE_Sign1. */
  readonly hash: Uint8Array;
  /** Thumbprints of the signing keys of the devices that can read it. */
  readonly readers: readonly Uint8Array[];
}

/** What every step of a handshake needs. */
export interface HandshakeContext {
  readonly provider: CryptoProvider;
  readonly self: Party;
  /** Seals and signs a frame, or answers `undefined` when there is nobody left to read it. */
  seal(frame: CallFrame, to: Readers): Steps<SealedFrame | undefined>;
}

/** A frame that was sealed to us, and its verified sender. */
export interface ReceivedFrame {
  readonly frame: CallFrame;
  readonly from: Party;
  /** SHA-256 of its COSE_Sign1. */
  readonly hash: Uint8Array;
}

/** How candidates and new ways are told each other once there are keys. */
export interface IceLine {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** The counter of the next frame. */
  readonly sent: number;
  readonly seen: ReplayWindow;
  readonly round: number;
  /** Whether the other side's description of this round is known: candidates wait for it. */
  readonly described: boolean;
  readonly waiting: readonly (Candidate & { readonly round: number })[];
}

interface Named {
  readonly call: Uint8Array;
}

/** Waits for somebody to take the call. */
export interface Dialling extends Named {
  readonly phase: 'dialling';
  readonly callee: Pick<Party, 'address' | 'identity'>;
  /** Thumbprints of the signing keys of the devices that may still take it. */
  readonly asked: readonly Uint8Array[];
  /** Why others do not: `busy` where one of them is, else what the last one said. */
  readonly refusal?: CloseReason;
  readonly dial: Uint8Array;
  readonly ephemeral: PrivateKey;
  /** Candidates that were faster than their offer. */
  readonly held: readonly ReceivedFrame[];
  readonly deadline: number;
}

/** Has an offer; our own description is being made. */
export interface Answering extends Named {
  readonly phase: 'answering';
  readonly peer: Party;
  readonly keys: HandshakeKeys;
  readonly offer: Uint8Array;
  readonly ice: IceLine;
  readonly deadline: number;
}

/** Somebody calls. */
export interface Ringing extends Named {
  readonly phase: 'ringing';
  readonly peer: Party;
  readonly dial: Uint8Array;
  readonly callerKey: Uint8Array;
  /** Our candidates that were faster than our offer. */
  readonly gathered: readonly Candidate[];
  readonly deadline: number;
}

/** Taken: the offer is out. */
export interface Offering extends Named {
  readonly phase: 'offering';
  readonly peer: Party;
  readonly keys: HandshakeKeys;
  readonly offer: Uint8Array;
  readonly ice: IceLine;
  readonly deadline: number;
}

/** Both have the keys; nothing was heard under them yet. */
export interface Connecting extends Named {
  readonly phase: 'connecting';
  readonly role: Role;
  readonly peer: Party;
  readonly ice: IceLine;
  readonly deadline: number;
}

/** It is a call. */
export interface Connected extends Named {
  readonly phase: 'connected';
  readonly role: Role;
  readonly peer: Party;
  readonly ice: IceLine;
}

export interface Closed extends Named {
  readonly phase: 'closed';
}

export type CallState = Dialling | Answering | Ringing | Offering | Connecting | Connected | Closed;
export type Phase = CallState['phase'];
export type Role = 'caller' | 'callee';

/** What happens to a call. Times are milliseconds of one clock that nobody sets: how long to wait is no question of the time of day. */
export type CallInput =
  | { readonly kind: 'frame'; readonly received: ReceivedFrame; readonly now: number }
  /** We take it; our description, if we want more than MQTT. */
  | { readonly kind: 'accept'; readonly sdp?: string; readonly now: number }
  /** Our description in answer to the offer. */
  | { readonly kind: 'describe'; readonly sdp?: string; readonly now: number }
  | { readonly kind: 'candidate'; readonly round: number; readonly candidate: Candidate }
  /** The way is lost. The callee brings the description of a new one, the caller asks for it. */
  | { readonly kind: 'restart'; readonly sdp?: string }
  /** The caller's description of a new way. */
  | { readonly kind: 'redescribe'; readonly round: number; readonly sdp: string }
  /** Something of the other side opened under the keys of messages. */
  | { readonly kind: 'heard' }
  /** The other side said under these keys that it has hung up. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'hangUp'; readonly reason: CloseReason }
  | { readonly kind: 'tick'; readonly now: number };

/** Why a frame was passed over. */
export type FrameRefusal =
  /** Nothing that can come now. */
  | 'unexpected'
  /** By somebody who is not on this call. */
  | 'not-the-peer'
  /** Seen before. */
  | 'replayed'
  | 'undecryptable'
  | 'malformed'
  | 'too-many';

/** What is to be done. */
export type CallOutput =
  | { readonly kind: 'publish'; readonly type: FrameType; readonly address: string; readonly bytes: Uint8Array }
  /** The other side's description; without one it wants MQTT alone. */
  | { readonly kind: 'remote'; readonly type: 'offer' | 'answer'; readonly round: number; readonly sdp?: string }
  | { readonly kind: 'candidate'; readonly round: number; readonly candidate: Candidate }
  /** The keys of messages are known. */
  | { readonly kind: 'keys'; readonly role: Role; readonly peer: Party; readonly keys: MessageKeys }
  | { readonly kind: 'connected' }
  /** The caller asks for a new way. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'refused'; readonly reason: FrameRefusal; readonly from: Party }
  | { readonly kind: 'ended'; readonly reason: CloseReason; readonly by: 'us' | 'them'; readonly unverified?: true };

/** A step: the state afterwards, and what is to be done, in this order. */
export interface Transition<State extends CallState = CallState> {
  readonly state: State;
  readonly outputs: readonly CallOutput[];
}
