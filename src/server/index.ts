/** Servers for tests, examples and small deployments: a broker and a key directory. */
export { type Broker, type BrokerOptions, createBroker } from './broker/broker.js';
export { createKeyProvider, type KeyProvider, type KeyProviderOptions } from './key-provider/key-provider.js';
export type { CheckInfoOk, Registered } from './registered.js';
