/** Registration by challenge as pure programs: registration ids, Info OK, challenges, the Bloom filter. */
export {
  assertUserId,
  isRegistrationId,
  type RegistrationIdOpening,
  registrationId,
  SALT_BYTES,
  verificationHash,
} from './hrid.js';
export { type InfoOk, infoOk, MAX_INFO_OK_BYTES, readInfoOk, verifyInfoOk } from './info-ok.js';
export { emailId, phoneId, type VerificationId } from './verification-id.js';
