/** The relay's protocol: what is handed in, how it is judged, and what the answer says. */
export {
  decodeHandIn,
  encodeHandIn,
  HAND_IN_NONCE_BYTES,
  type HandIn,
  type HandInFamily,
  MAX_RECEIVERS,
  MAX_WAKE_BYTES,
} from './hand-in.js';
export {
  type HandInOutcome,
  handInTopic,
  type OpenedHandIn,
  openHandIn,
  sealHandIn,
  verifyHandIn,
} from './hand-in-envelope.js';
export {
  HAND_IN_WINDOW,
  type HandInLimits,
  type HandInVerdict,
  type Judged,
  judgeHandIn,
  NEW_SENDER,
  rememberAnswer,
  type SenderState,
} from './judge-hand-in.js';
export { isForgettable, judgeUpdate, type KnownDevice, type UpdateVerdict } from './judge-update.js';
export {
  decodeRelayAnswer,
  encodeRelayAnswer,
  type HandInRefusal,
  openRelayAnswer,
  type ReceiverRefusal,
  type RelayAnswer,
  sealRelayAnswer,
  type UpdateRefusal,
} from './relay-answer.js';
export type { OpenedStatement, RelayKeys, SpeakerKeys } from './relay-envelope.js';
export type { AnonymousSender, RelaySender } from './sender.js';
export {
  AUTH_BYTES,
  decodeUpdate,
  encodeUpdate,
  isPoint,
  MAX_ENDPOINT_LENGTH,
  readSubscription,
  type Subscription,
  subscriptionMap,
  type Update,
  type UpdateContent,
} from './update.js';
export {
  type OpenedUpdate,
  openUpdate,
  sealUpdate,
  type UpdateOutcome,
  updateTopic,
  verifyUpdate,
} from './update-envelope.js';
export { decodeWakeNote, encodeWakeNote, MAX_NOTE_LENGTH, MAX_PUSH_BYTES, type WakeNote } from './wake-note.js';
