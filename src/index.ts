/**
 * SealMQ: end-to-end encrypted messages over any MQTT broker.
 *
 * @packageDocumentation
 */
export { staticDirectory } from './adapters/directory/static-directory.js';
export { httpKeyDirectory } from './adapters/http/http-key-directory.js';
export { type MqttTransportOptions, mqttTransport } from './adapters/mqtt/mqtt-transport.js';
export { browserRtc } from './adapters/rtc/browser.js';
export { type TurnCredentialOptions, turnCredentials } from './adapters/rtc/turn-credentials.js';
export { openLevelStore } from './adapters/store/level-store.js';
export { memoryStore } from './adapters/store/memory-store.js';
export { type AnonymousIdentity, type AnonymousOptions, anonymousAddress } from './client/anonymous-account.js';
export type { DeviceLinking } from './client/await-link.js';
export { Call, type CallPeer, type CallSendOptions, type CallStats, IncomingCall } from './client/call/call.js';
export type { CallMessage } from './client/call/inflow.js';
export type { CallEnd } from './client/call/outcome.js';
export type { CallEvents } from './client/call/session.js';
export type { CallOptions } from './client/call/settings.js';
export type { CallPath } from './client/call/way.js';
export type { AddOptions } from './client/contact-cards.js';
export type { Contact, ContactPolicy, ReceiptsTo, RegisteredState } from './client/contact-list.js';
export type { Contacts } from './client/contacts.js';
export type { Devices } from './client/devices.js';
export {
  type CardConflict,
  createKeyCache,
  type Introduced,
  type KeyCache,
  type KeyCacheEvents,
  type KeyCacheOptions,
  type KeyChange,
  type OnKeyChange,
} from './client/key-cache.js';
export { type JsonValue, Message, type MessageFamily, type Payload } from './client/message.js';
export { Messenger } from './client/messenger.js';
export type {
  ClearedState,
  LostMessages,
  MessengerEvents,
  MissingMessages,
  Undeliverable,
} from './client/messenger-events.js';
export type { LinkOptions, LinkRequest } from './client/offer-link.js';
export type {
  LinkDeviceOptions,
  MessengerLimits,
  MessengerOptions,
} from './client/options.js';
export type { CardOptions, OwnCard } from './client/own-card.js';
export type { SetStateOptions, StateSet } from './client/own-states.js';
export type { CodeRequest, RegisterOptions, Registration } from './client/registration.js';
export type { CallRefusal, Rejection, RejectionReason } from './client/rejection.js';
export type { CopyOutcome } from './client/relay/copy-outcome.js';
export type { PushSubscriptionLike } from './client/relay/push-desk.js';
export type { Answer, RequestOptions } from './client/request.js';
export type { Admit } from './client/room/admission.js';
export type {
  Departure,
  MemberView,
  RefusedMember,
  RoomEvents,
  RoomFrame,
  RoomMember,
  Undecryptable,
  UndecryptableReason,
} from './client/room/events.js';
export type { JoinOptions, Room } from './client/room/room.js';
export type { FrameOptions } from './client/room/sending.js';
export type { SendOptions, Sent } from './client/send.js';
export type { SentToSeveral } from './client/send-several.js';
export type { StateFilter } from './client/settle-state.js';
export type { MessengerStatus, QueueName } from './client/status.js';
export type { WillOptions } from './client/will.js';
export { type ErrorCode, isSealMQError, SealMQError } from './errors.js';
export { type Clock, systemClock } from './ports/clock.js';
export type { DirectoryAnswer, KeyDirectory, TokenDesk } from './ports/key-directory.js';
export type { KeyVault } from './ports/key-vault.js';
export type { IssuedInfoOk, Registrar, RegistrationRequest, StartedRegistration } from './ports/registrar.js';
export type { IcePolicy, IceServer, Rtc } from './ports/rtc.js';
export type { Store, StoreOperation, StoreRange } from './ports/store.js';
export type {
  ConnectionState,
  DisconnectCause,
  PublishOptions,
  SubscribeOptions,
  Transport,
  TransportHandlers,
} from './ports/transport.js';
export { assertAddress, isAddress } from './protocol/address.js';
export type { SafetyNumber } from './protocol/identity/safety-number.js';
