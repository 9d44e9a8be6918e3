/** `seal` and `open`: sealed messages as pure functions, usable without any network. */
export {
  BATCH_TYPE,
  type BatchMessage,
  decodeBatch,
  encodeBatch,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
} from './batch.js';
export { type Claims, MAX_RECIPIENTS, MESSAGE_ID_BYTES } from './claims.js';
export {
  type OpenContext,
  type OpenedMessage,
  type OpenOutcome,
  open,
  openSync,
  type SenderKey,
  type SenderRefusal,
} from './open.js';
export { paddedLength } from './padding.js';
export { MAX_PAYLOAD_BYTES, MAX_SEALED_BYTES } from './profile.js';
export { DEFAULT_PADDING, type Draft, type SealKeys, seal, sealSync } from './seal.js';
export {
  acceptSeq,
  gaps,
  MAX_RANGES,
  newSequence,
  type Range,
  type SequenceOutcome,
  type SequenceState,
  skipRanges,
} from './sequence.js';
export { DEFAULT_TOPIC_PREFIX, type Family, filterOf, type Place, placeOf, topicOf } from './topics.js';
