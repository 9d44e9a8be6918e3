/** Frames of rooms as pure programs: SFrame (RFC 9605), sender keys and key rings, usable without any network; `run` them. */
export { type Awaitable, run, type Steps } from '../../crypto/steps.js';
export { emptyWindow, REPLAY_WINDOW, type ReplayWindow, seeCounter } from '../replay-window.js';
export { decodeFrames, encodeFrames, MAX_BATCH_BYTES, MAX_BATCH_FRAMES } from './frame-batch.js';
export { type FramePlace, type FrameSignature, signFrame, splitSignature, verifyFrame } from './frame-signature.js';
export {
  addKey,
  emptyRing,
  type FrameOutcome,
  type FrameRefusal,
  type HeldKey,
  type KeyRing,
  latestKid,
  OLD_KEY_LIFE,
  type OpenedFrame,
  openWithRing,
} from './key-ring.js';
export {
  type FrameContent,
  type FrameKind,
  type FrameOrigin,
  frameMetadata,
  MAX_CHANNEL_LENGTH,
  MAX_FRAME_BYTES,
} from './room-frame.js';
export { isRoomName, type RoomPlace, roomFilters, roomPlaceOf, roomTopic } from './room-topics.js';
export {
  generationOf,
  kidOf,
  leadsTo,
  MAX_GENERATION,
  MAX_STEP,
  newSenderKey,
  ratchetSenderKey,
  type SenderKey,
  senderKeyOf,
  stepOf,
} from './sender-key.js';
export { deriveFrameKey, type FrameKey, openFrame, ratchetBaseKey, sealFrame } from './sframe.js';
export { decodeSFrameHeader, encodeSFrameHeader, type SFrameHeader } from './sframe-header.js';
export { ROOM_SUITE, type SFrameSuite, sframeSuites } from './sframe-suites.js';
