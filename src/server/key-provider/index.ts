/** The key directory as a service: `createKeyProvider({ data: './keys' })`. */
export {
  type Claim,
  type ClaimDecision,
  createKeyProvider,
  type KeyProvider,
  type KeyProviderOptions,
  type RateLimits,
} from './key-provider.js';
