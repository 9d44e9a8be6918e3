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
  type HandInKeys,
  type HandInOutcome,
  handInTopic,
  type OpenedHandIn,
  openHandIn,
  type RelayKeys,
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
export {
  decodeRelayAnswer,
  encodeRelayAnswer,
  type HandInRefusal,
  openRelayAnswer,
  type ReceiverRefusal,
  type RelayAnswer,
  sealRelayAnswer,
} from './relay-answer.js';
