import type { FrameRefusal } from '../../protocol/room/key-ring.js';

/** A device in a room. */
export interface RoomMember {
  readonly address: string;
  readonly device: string;
}

/** A member as we see it. */
export interface MemberView extends RoomMember {
  /** Some heartbeats of it are missing. */
  readonly silent: boolean;
  /** We have a key of it, and it has told us that it can read what we send now. */
  readonly ready: boolean;
}

/** Why a member is none any more; `revoked`: its account lists the device no more, or not as active. */
export type Departure = 'left' | 'expelled' | 'gone' | 'restarted' | 'revoked';

/** Why a frame was not handed to the application. Frames from before our time, and frames seen before, are not told. */
export type UndecryptableReason =
  | Exclude<FrameRefusal, 'replayed' | 'unknown-key'>
  /** Its sender did not give us the key in time. */
  | 'no-key'
  /** Nobody that we know: an outsider, or a member whose announcement never came. */
  | 'unknown-member'
  /** It carries no signature, and the room asks for them. */
  | 'unsigned'
  /** Its signature is not that of its sender's device: another member made it, who holds the key like everybody. */
  | 'not-verified'
  /** More frames than we take in at once. */
  | 'overflow';

/** A frame that was dropped, or a message of several: how many were in one that does not open nobody knows. */
export interface Undecryptable {
  readonly device: string;
  readonly address?: string;
  readonly reason: UndecryptableReason;
}

/** Somebody whose word was not taken. */
export interface RefusedMember {
  readonly address?: string;
  readonly device?: string;
  /** `admit-failed`: the application's function threw, or has not answered for 30 seconds. */
  readonly reason: 'not-admitted' | 'admit-failed' | 'not-verified' | 'malformed' | 'device-taken' | 'room-full';
  /** What `admit` threw. */
  readonly cause?: unknown;
}

/** What a room tells. */
export interface RoomEvents {
  /** Everybody on the roster is there: we have exchanged keys with at least one device of each. */
  assembled: { readonly addresses: readonly string[] };
  /** Somebody on the roster has left, or has stayed away for as long as it takes to be `gone`. */
  absent: { readonly address: string };
  joined: RoomMember;
  /** Also about ourselves, when we were expelled. */
  left: RoomMember & { readonly reason: Departure };
  /** Some heartbeats are missing; nothing follows from it yet. */
  silent: RoomMember;
  /** We send under another key from now on. */
  rekeyed: { readonly kid: number; readonly reason: 'departure' | 'newcomer' | 'worn' | 'media' };
  undecryptable: Undecryptable;
  refused: RefusedMember;
}

/** One frame of another member. */
export interface RoomFrame {
  readonly from: string;
  readonly device: string;
  readonly channel?: string;
  /** Shares its memory with the frames that came with it. */
  readonly bytes: Uint8Array;
}
