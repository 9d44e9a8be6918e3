import type { CryptoProvider } from '../../crypto/provider.js';
import type { Awaitable } from '../../crypto/steps.js';
import type { FramePlace, FrameSignature } from '../../protocol/room/frame-signature.js';
import type { ReceivedStatement, RoomStatement } from '../../protocol/room/room-statement.js';
import type { RoomPlace } from '../../protocol/room/room-topics.js';
import type { RoomMember } from './events.js';

/** What was sealed to us, verified. */
export interface OpenedRoomMessage extends RoomMember {
  /** Seconds. */
  readonly issuedAt: number;
  readonly payload: Uint8Array;
}

/** What a room's session needs of the world: time, identities, and a way out. */
export interface RoomPort {
  readonly provider: CryptoProvider;
  readonly self: RoomMember;
  /** Our encoded key record. */
  readonly record: Uint8Array;
  /** Milliseconds of directory time. */
  now(): number;
  /** Resolves when the broker has it, as far as the quality of service tells. */
  publish(place: RoomPlace, bytes: Uint8Array, qos: 0 | 1): Promise<void>;
  /** Signs with our device's key. */
  sign(statement: RoomStatement): Promise<Uint8Array>;
  /**
   * Whether the speaker's verified record has the key, under the device that speaks, and the signature is valid.
   *
   * @param leave - called before the directory is asked; may throw
   */
  verify(received: ReceivedStatement, leave: () => void): Promise<boolean>;
  /** Signs the content of a frame of ours with our device's key. */
  signFrame(place: FramePlace, content: readonly Uint8Array[]): Awaitable<Uint8Array>;
  /** Whether the sender's verified record has the key, under the device that sends, and the signature is valid. */
  verifyFrame(place: FramePlace, signature: FrameSignature, content: Uint8Array): Promise<boolean>;
  /** Seals to one device, or answers `undefined` when it cannot be written to. */
  seal(to: RoomMember, payload: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * Opens what was sealed to us, or answers `undefined`.
   *
   * @param leave - called with the alleged sender before the directory is asked; may throw
   */
  open(bytes: Uint8Array, leave: (from: string) => void): Promise<OpenedRoomMessage | undefined>;
  /** Whether the record at hand has the device, active; `undefined` without a record. Never waits: one that is old, or not at hand, is asked for behind. */
  isCurrent(who: RoomMember): boolean | undefined;
  /** Calls `listener` with each address whose record has changed; answers a function that ends it. */
  onRecord(listener: (address: string) => void): () => void;
  /** Something failed that nobody waits for. */
  warn(error: unknown): void;
}
