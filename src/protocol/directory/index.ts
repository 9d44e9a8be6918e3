/** What a key directory signs and which records it takes, as pure functions. */

export { findKey, readUnverified, type StatementKind, signStatement, verifyStatement } from '../statement.js';
export { type TokenBucket, type TokenOutcome, type TokenRate, takeToken } from '../token-bucket.js';
export {
  type Challenge,
  challenge,
  isClientId,
  MAX_REQUEST_BYTES,
  type Notice,
  notice,
  readTokenRequest,
  type SignedTokenRequest,
  signTokenRequest,
  type TokenRequest,
  verifyTokenRequest,
} from './admission.js';
export { assertIssuedNow, type ClaimKind, ISSUE_TOLERANCE, judgeClaim } from './claim.js';
export {
  guestName,
  hostOf,
  MAX_VOUCHER_BYTES,
  readVoucher,
  type SignedVoucher,
  signVoucher,
  VOUCHER_LIFE,
  type Voucher,
  verifyVoucher,
} from './guest.js';
export {
  type Freshness,
  freshness,
  type KeyList,
  keyList,
  MAX_NONCE_BYTES,
  MIN_NONCE_BYTES,
  type Negative,
  negative,
  remainingLife,
  STATEMENT_TOLERANCE,
  type TimeStatement,
  time,
} from './statements.js';
export { decodeKeyLists, encodeKeyLists, firstKeyList, followKeyLists, MAX_KEY_LISTS } from './trust.js';
