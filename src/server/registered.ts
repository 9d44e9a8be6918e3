import type { InfoOk } from '../protocol/registration/info-ok.js';

/**
 * Whether an address (checked syntactically before) is registered: what a broker asks before it takes mail for it, and a relay
 * before it queues a copy. Rejects for passing faults only.
 */
export type Registered = (address: string) => Promise<boolean>;

/**
 * Verifies an Info OK that somebody presents, by the directory's own keys and time.
 *
 * @throws `DIRECTORY_KEY_CHANGED`, `DIRECTORY_BAD_ANSWER`, `DIRECTORY_STALE`, as `verifyInfoOk`; `DIRECTORY_REFUSED` when another registration
 *   has taken the place of this one
 */
export type CheckInfoOk = (infoOk: Uint8Array) => Promise<InfoOk>;
