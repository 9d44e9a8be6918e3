import { encodeBriefly } from '../bytes/cbor.js';
import { Algorithm } from './labels.js';

const NO_PARTY = [null, null, null];

/**
 * COSE_KDF_Context (RFC 9053 §5.2) for AES-256 key wrap: no party information, no SuppPrivInfo.
 *
 * @param recipientProtected - the recipient's protected header as encoded
 * @param other - SuppPubInfo.other: what the profile binds besides
 */
export function kdfContext(recipientProtected: Uint8Array, other: Uint8Array): Uint8Array {
  return encodeBriefly([Algorithm.A256KW, NO_PARTY, NO_PARTY, [256, recipientProtected, other]]);
}
