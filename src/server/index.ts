/** Servers for tests, examples and small deployments: a broker and a key directory. */
export type { Admission, AdmissionOptions } from './admission/admission.js';
export { type AdmissionRulesOptions, admissionRules } from './admission/admission-rules.js';
export type { AccessRules, BrokerClient, Credentials, Denial, Grant, Published, Verdict } from './broker/access.js';
export { type Broker, type BrokerOptions, createBroker } from './broker/broker.js';
export { createKeyProvider, type KeyProvider, type KeyProviderOptions } from './key-provider/key-provider.js';
export type { CheckInfoOk, Registered } from './registered.js';
export type {
  CodeMessage,
  CodeSender,
  FilterOptions,
  RegistrationLimits,
  RegistrationOptions,
} from './registration/options.js';
export { type SmsWebhookOptions, smsWebhookSender } from './registration/sms-webhook.js';
export { type SmtpOptions, smtpSender } from './registration/smtp.js';
export { directoryOf } from './relay/directory-of.js';
export {
  createRelay,
  type DropReason,
  type PushOptions,
  type Relay,
  type RelayCounts,
  type RelayEvent,
  type RelayKeysFile,
  type RelayOptions,
  type UnwokenReason,
  type WakeLimits,
  type WakeRequest,
} from './relay/relay.js';
