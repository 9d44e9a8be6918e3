/** Accounts, devices and key records as pure programs; `run` them. */
export { type Awaitable, run, type Steps } from '../../crypto/steps.js';
export {
  type Account,
  type AccountOptions,
  activeDevices,
  activeSealKeys,
  addDevice,
  createAccount,
  createRelayAccount,
  findDevice,
  nextRecord,
  PROFILE,
  RECORD_LIFETIME,
  type RecordEdit,
  retireDevice,
  revokeDevice,
  rotateDevice,
} from './account.js';
export { compareRecords, type RecordChange, vouchForIdentity } from './chain.js';
export {
  CARD_LIFETIME,
  CARD_PREFIX,
  type CardDetails,
  type CardDraft,
  type ContactCard,
  cardText,
  isCardText,
  MAX_CARD_NAME,
  makeCard,
  readCard,
  verifyCard,
} from './contact-card.js';
export {
  type DeviceEntry,
  type DeviceKeys,
  deviceKid,
  deviceStanding,
  enterDevice,
  generateDeviceKeys,
  isActive,
  isCurrent,
  type ProofContext,
  RETIRED_GRACE,
  verifyProof,
} from './device.js';
export {
  type DeviceLink,
  expiryOf,
  LINK_LIFETIME,
  LINK_PREFIX,
  type LinkStatement,
  linkText,
  parseLink,
  readLinkStatement,
} from './device-link.js';
export {
  acceptWelcome,
  answerOffer,
  checkReveal,
  hasEntry,
  type OfferedLink,
  offerLink,
  startLink,
  type WaitingDevice,
  type Welcome,
  welcomeDevice,
} from './device-linking.js';
export {
  type Capabilities,
  type KeyRecord,
  MAX_DEVICES,
  MAX_RECORD_BYTES,
  type RecordContent,
  signRecord,
  verifyRecord,
  verifyRelayRecord,
} from './record.js';
export {
  type Comparison,
  combineFingerprints,
  compareSafetyNumber,
  fingerprint,
  MAX_MEMBERS,
  SAFETY_PREFIX,
  type SafetyMember,
  type SafetyNumber,
  safetyNumber,
} from './safety-number.js';
