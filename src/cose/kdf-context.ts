import { byteStringHead } from '../bytes/byte-string.js';
import { concat } from '../bytes/bytes.js';
import { type CborValue, encodeCbor } from '../bytes/cbor.js';
import { Algorithm } from './labels.js';

const NO_PARTY: CborValue = [null, null, null];

/**
 * COSE_KDF_Context (RFC 9053 §5.2) for AES-256 key wrap: no party information, no SuppPrivInfo.
 *
 * @param recipientProtected - the recipient's protected header as encoded
 * @param other - SuppPubInfo.other: what the profile binds besides
 */
export function kdfContext(recipientProtected: Uint8Array, other: Uint8Array): Uint8Array {
  return concat(beginning(recipientProtected), byteStringHead(other), other);
}

/** Everything before `other`: the encoding with an empty one, whose head is the last byte. It never changes for a header. */
function beginning(recipientProtected: Uint8Array): Uint8Array {
  const known = beginnings.get(recipientProtected);
  if (known) return known;
  const context = encodeCbor([Algorithm.A256KW, NO_PARTY, NO_PARTY, [256, recipientProtected, new Uint8Array(0)]]);
  const fresh = context.slice(0, -1);
  beginnings.set(recipientProtected, fresh);
  return fresh;
}

const beginnings = new WeakMap<Uint8Array, Uint8Array>();
