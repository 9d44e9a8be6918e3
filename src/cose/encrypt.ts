import { CborReader, type CborValue, encodeBriefly, encodeCbor, headSize, Major, writeHead } from '../bytes/cbor.js';
import { isBytes } from '../bytes/fields.js';
import { checkUnprotected, decodeProtected, encodeProtected, type HeaderMap, malformed } from './header.js';

/** One entry of the recipients array (RFC 9052 §5.1). `ciphertext` is the wrapped content encryption key. */
export interface Recipient {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: HeaderMap;
  readonly unprotectedHeader: HeaderMap;
  readonly ciphertext: Uint8Array;
}

/** A COSE_Encrypt message (RFC 9052 §5.1). */
export interface Encrypt {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: HeaderMap;
  readonly unprotectedHeader: HeaderMap;
  readonly ciphertext: Uint8Array;
  readonly recipients: readonly Recipient[];
  /** The recipients array exactly as it stands on the wire: the sender's signature covers its hash. */
  readonly recipientsBytes: Uint8Array;
}

/** Tag 96 and the head of an array of four: how every COSE_Encrypt begins. */
const PREFIX = Uint8Array.of(0xd8, 0x60, 0x84);

/** Most bytes of the two headers together, and of the recipients array per recipient: several times what the profile needs. */
const MAX_HEADER_BYTES = 1024;
const MAX_RECIPIENT_BYTES = 2048;

/** Encodes the recipients array, by `encodeBriefly` where it becomes part of something larger. */
export function encodeRecipients(
  recipients: readonly Pick<Recipient, 'protectedHeader' | 'unprotectedHeader' | 'ciphertext'>[],
  encode = encodeCbor,
): Uint8Array {
  return encode(
    recipients.map((recipient) => [
      encodeProtected(recipient.protectedHeader),
      recipient.unprotectedHeader,
      recipient.ciphertext,
    ]),
  );
}

type EncodedParts = Pick<Encrypt, 'protectedBytes' | 'unprotectedHeader' | 'recipientsBytes'>;

/** The tagged encoding (tag 96), from a recipients array that is encoded already. */
export function encodeEncrypt(message: EncodedParts & Pick<Encrypt, 'ciphertext'>): Uint8Array {
  const { bytes, ciphertext } = prepareEncrypt(message, message.ciphertext.length);
  ciphertext.set(message.ciphertext);
  return bytes;
}

/** As {@link encodeEncrypt}, with room for a ciphertext of `length` bytes, to be written where it belongs. */
export function prepareEncrypt(
  { protectedBytes, unprotectedHeader, recipientsBytes }: EncodedParts,
  length: number,
): Pick<Encrypt, 'ciphertext'> & { readonly bytes: Uint8Array } {
  // In place of the head of their own array, one byte, stands that of the whole.
  const headers = encodeBriefly([protectedBytes, unprotectedHeader]).subarray(1);
  const head = PREFIX.length + headers.length;
  const start = head + headSize(length);
  const bytes = new Uint8Array(start + length + recipientsBytes.length);
  bytes.set(PREFIX);
  bytes.set(headers, PREFIX.length);
  writeHead(bytes, head, Major.bytes, length);
  bytes.set(recipientsBytes, start + length);
  return { bytes, ciphertext: bytes.subarray(start, start + length) };
}

/**
 * Decodes a tagged COSE_Encrypt with one to `maxRecipients` recipients.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_COSE`
 */
export function decodeEncrypt(bytes: Uint8Array, maxRecipients: number): Encrypt {
  if (PREFIX.some((byte, i) => bytes[i] !== byte)) throw malformed('not a COSE_Encrypt');
  // Field by field, so that the recipients array is at hand as it was sent.
  const reader = new CborReader(bytes, PREFIX.length);
  const protectedBytes = reader.item();
  const unprotected = reader.item();
  if (reader.offset - PREFIX.length > MAX_HEADER_BYTES) throw malformed('oversized headers');
  const ciphertext = reader.item();
  const recipientsBytes = bytes.subarray(reader.offset);
  if (recipientsBytes.length > maxRecipients * MAX_RECIPIENT_BYTES) throw malformed('oversized recipients');
  const recipients = reader.item();
  if (!reader.done) throw malformed('trailing bytes');
  if (!isBytes(protectedBytes) || !isBytes(ciphertext)) throw malformed('COSE_Encrypt fields');
  if (!Array.isArray(recipients) || recipients.length < 1 || recipients.length > maxRecipients) {
    throw malformed('number of recipients');
  }
  const protectedHeader = decodeProtected(protectedBytes);
  return {
    protectedBytes,
    protectedHeader,
    unprotectedHeader: checkUnprotected(unprotected, protectedHeader),
    ciphertext,
    recipients: (recipients as CborValue[]).map(toRecipient),
    recipientsBytes,
  };
}

function toRecipient(value: CborValue): Recipient {
  if (!Array.isArray(value) || value.length !== 3) throw malformed('recipient is not an array of three');
  const [protectedBytes, unprotected, ciphertext] = value as CborValue[];
  if (!isBytes(protectedBytes) || !isBytes(ciphertext)) throw malformed('recipient fields');
  const protectedHeader = decodeProtected(protectedBytes);
  return {
    protectedBytes,
    protectedHeader,
    unprotectedHeader: checkUnprotected(unprotected, protectedHeader),
    ciphertext,
  };
}

/** The Enc_structure (RFC 9052 §5.3): the additional data of the content encryption. */
export function encStructure(protectedBytes: Uint8Array, externalAad: Uint8Array): Uint8Array {
  return encodeBriefly(['Encrypt', protectedBytes, externalAad]);
}
