/**
 * For those who write a store, a key vault, a transport or a directory: contract suites, which take your runner's functions.
 * For those who test what they build on SealMQ: seeded choices and time that passes on demand.
 */
export * from './key-vault-contract.js';
export * from './seeded.js';
export * from './store-contract.js';
export * from './virtual-time.js';
