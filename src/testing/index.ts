/** Contract suites for those who write a store, a key vault, a transport or a directory; they take your runner's functions. */
export * from './key-vault-contract.js';
export * from './store-contract.js';
