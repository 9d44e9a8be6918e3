import { type CborValue, decodeCbor, encodeBriefly, encodeCbor, Tagged } from '../bytes/cbor.js';
import { isBytes } from '../bytes/fields.js';
import { checkUnprotected, decodeProtected, encodeProtected, type HeaderMap, malformed } from './header.js';
import { MessageTag } from './labels.js';

/** A COSE_Sign1 message (RFC 9052 §4.2). `payload` is `null` where it is detached. */
export interface Sign1 {
  /** The protected header as it stands on the wire: what the signature covers. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: HeaderMap;
  readonly unprotectedHeader: HeaderMap;
  readonly payload: Uint8Array | null;
  readonly signature: Uint8Array;
}

const NOTHING: HeaderMap = new Map();

/** A Sign1 that lacks its signature, to be completed with {@link encodeSign1}. */
export function prepareSign1(protectedHeader: HeaderMap, payload: Uint8Array | null): Omit<Sign1, 'signature'> {
  return {
    protectedBytes: encodeProtected(protectedHeader),
    protectedHeader,
    unprotectedHeader: NOTHING,
    payload,
  };
}

/** The tagged encoding (tag 18), by `encodeBriefly` where it becomes part of something larger. */
export function encodeSign1(message: Omit<Sign1, 'protectedHeader'>, encode = encodeCbor): Uint8Array {
  const { protectedBytes, unprotectedHeader, payload, signature } = message;
  return encode(new Tagged(MessageTag.Sign1, [protectedBytes, unprotectedHeader, payload, signature]));
}

/**
 * Decodes a tagged COSE_Sign1.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_COSE`
 */
export function decodeSign1(bytes: Uint8Array): Sign1 {
  return toSign1(decodeCbor(bytes));
}

/** The COSE_Sign1 that a decoded item is. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_COSE` */
export function toSign1(message: CborValue): Sign1 {
  if (!(message instanceof Tagged) || message.tag !== MessageTag.Sign1) throw malformed('not a COSE_Sign1');
  const parts = message.value as CborValue;
  if (!Array.isArray(parts) || parts.length !== 4) throw malformed('COSE_Sign1 is not an array of four');
  const [protectedBytes, unprotected, payload, signature] = parts as CborValue[];
  if (!isBytes(protectedBytes) || !isBytes(signature)) throw malformed('COSE_Sign1 fields');
  if (payload !== null && !isBytes(payload)) throw malformed('COSE_Sign1 payload');
  const protectedHeader = decodeProtected(protectedBytes);
  const unprotectedHeader = checkUnprotected(unprotected, protectedHeader);
  return { protectedBytes, protectedHeader, unprotectedHeader, payload, signature };
}

/** The Sig_structure (RFC 9052 §4.4): what is signed. */
export function sigStructure(protectedBytes: Uint8Array, externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeBriefly(['Signature1', protectedBytes, externalAad, payload]);
}
