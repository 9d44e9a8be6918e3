import { toBase64url } from '../../bytes/base64url.js';
import { encodeCbor } from '../../bytes/cbor.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { TAG_KEY_BYTES } from './claims.js';

const TAG_BYTES = 16;
const NO_SALT = new Uint8Array();

/**
 * The last level of the topic of a state: HKDF-SHA-256 (RFC 5869) of device and channel under a key that travels inside the
 * sealed states. Whoever reads one can check that it lies where it belongs; whoever does not learns neither.
 *
 * @param key - 32 bytes, the same for all states of a device to one receiver
 * @returns 22 characters, base64url
 */
export function* stateTag(provider: CryptoProvider, key: Uint8Array, device: string, channel: string): Steps<string> {
  const info = encodeCbor(['sealmq/1 state', device, channel]);
  return toBase64url(yield* step(provider.hkdf('SHA-256', key, NO_SALT, info, TAG_BYTES)));
}

/**
 * The key of the tags of a device's states to one receiver: another for each, so that no receiver can look for what others are
 * sent.
 *
 * @param secret - 32 random bytes that the device keeps to itself
 */
export function* tagKeyFor(provider: CryptoProvider, secret: Uint8Array, to: string): Steps<Uint8Array> {
  const info = encodeCbor(['sealmq/1 state key', to]);
  return yield* step(provider.hkdf('SHA-256', secret, NO_SALT, info, TAG_KEY_BYTES));
}
