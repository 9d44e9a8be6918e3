/** Registration by challenge as pure programs: registration ids, Info OK, challenges, the Bloom filter; `run` them. */

export { type Awaitable, run, type Steps } from '../../crypto/steps.js';
export { isRegistrationId } from '../address.js';
export { BloomFilter, type BloomSettings } from './bloom.js';
export {
  answerChallenge,
  assertDigits,
  type Challenge,
  type ChallengeOutcome,
  CODE_LIFE,
  CODE_TRIES,
  MAX_DIGITS,
  MIN_DIGITS,
  startChallenge,
} from './challenge.js';
export {
  assertUserId,
  type RegistrationIdOpening,
  registrationId,
  SALT_BYTES,
  verificationHash,
} from './hrid.js';
export { type DecodedFilter, IdFilter, type IdFilterSettings } from './id-filter.js';
export { type InfoOk, infoOk, MAX_INFO_OK_BYTES, readInfoOk, verifyInfoOk } from './info-ok.js';
export { emailId, phoneId, type VerificationId } from './verification-id.js';
