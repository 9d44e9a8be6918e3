/** The crypto layer: one door to the primitives, three backends behind it, and the table of suites. */
export { nativeProvider } from './native.js';
export { nobleProvider } from './noble.js';
export { defaultProvider } from './probe.js';
export type {
  CryptoProvider,
  EphemeralAgreement,
  HashName,
  KeyAlgorithm,
  KeyManagementName,
  PrivateKey,
  SignatureName,
} from './provider.js';
export { selfTest } from './self-test.js';
export { type Awaitable, all, atOnce, run, type Steps, step } from './steps.js';
export {
  DEFAULT_SUITE,
  type KeyManagementAlgorithm,
  keyManagementAlgorithms,
  type SignatureAlgorithm,
  type Suite,
  type SuiteName,
  signatureAlgorithms,
  suites,
  type WrappedKey,
} from './suites.js';
export {
  privateKeyFromCryptoKey,
  privateKeyToCryptoKey,
  type WebcryptoOptions,
  webcryptoProvider,
} from './webcrypto.js';
