import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isMap } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import { Header } from './labels.js';

/** A COSE header map (RFC 9052 §3): integer or text labels. */
export type HeaderMap = CborMap;

const NO_BYTES = new Uint8Array(0);

/** Encodes a protected header; an empty one becomes the empty byte string (RFC 9052 §3). */
export function encodeProtected(header: HeaderMap): Uint8Array {
  return header.size === 0 ? NO_BYTES : encodeCbor(header);
}

/**
 * Decodes a protected header. An encoded empty map is refused (only the empty byte string is deterministic here), and so
 * is every critical label (RFC 9052 §3.1, `crit`): the profile knows none.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_COSE`
 */
export function decodeProtected(bytes: Uint8Array): HeaderMap {
  if (bytes.length === 0) return new Map();
  const header = decodeCbor(bytes);
  if (!isMap(header) || header.size === 0) throw malformed('protected header is not a map');
  if (header.has(Header.crit)) throw malformed('unknown critical header parameter');
  return header;
}

/** Checks an unprotected header: a map, without `crit`, and with no label that is protected as well (RFC 9052 §3). */
export function checkUnprotected(value: CborValue | undefined, protectedHeader: HeaderMap): HeaderMap {
  if (!isMap(value)) throw malformed('unprotected header is not a map');
  if (value.has(Header.crit)) throw malformed('crit is not protected');
  for (const label of value.keys()) {
    if (protectedHeader.has(label)) throw malformed('label both protected and unprotected');
  }
  return value;
}

/** A `DECODE_COSE` error. */
export function malformed(reason: string): SealMQError {
  return new SealMQError('DECODE_COSE', `malformed COSE message: ${reason}`);
}
