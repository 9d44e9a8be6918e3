/**
 * For those who write a store, a key vault, a transport or a directory: contract suites, which take your runner's functions.
 * For those who test what they build on SealMQ: a broker in memory that can turn malicious, seeded choices, and time that
 * passes on demand.
 */
export * from './key-vault-contract.js';
export * from './malice.js';
export * from './rtc-contract.js';
export * from './seeded.js';
export { SimulatedBroker } from './simulated-broker.js';
export * from './store-contract.js';
export * from './temper.js';
export type { TransportBench } from './transport-bench.js';
export { transportContract } from './transport-contract.js';
export * from './virtual-time.js';
