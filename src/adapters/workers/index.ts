/** `seal` and `open` on several cores, for Node. */
export { createEnvelopePool, type EnvelopePool, type EnvelopePoolOptions } from './envelope-pool.js';
