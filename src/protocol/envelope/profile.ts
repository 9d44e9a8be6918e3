import { toHex } from '../../bytes/bytes.js';
import { encodeBriefly } from '../../bytes/cbor.js';
import { isBytes } from '../../bytes/fields.js';
import { decodeEncrypt, type Encrypt, encStructure, type Recipient } from '../../cose/encrypt.js';
import { encodeProtected, type HeaderMap, malformed } from '../../cose/header.js';
import { Algorithm, Header } from '../../cose/labels.js';
import { type KeyManagementAlgorithm, KID_BYTES, keyManagementAlgorithms } from '../../crypto/suites.js';
import { SealMQError } from '../../errors.js';
import { MAX_RECIPIENTS } from './claims.js';
import type { Family } from './topics.js';

/** The outer media type (RFC 9596 `typ`). */
const TYPE = 'application/vnd.sealmq+cose';

/** The protected header of every sealed message. */
export const OUTER_HEADER: HeaderMap = new Map<number, number | string>([
  [Header.alg, Algorithm.A256GCM],
  [Header.typ, TYPE],
]);
export const OUTER_HEADER_BYTES = encodeProtected(OUTER_HEADER);

/** AES-256-GCM: nonce, content encryption key, and the tag behind the ciphertext, in bytes. */
export const IV_BYTES = 12;
export const CEK_BYTES = 32;
export const TAG_BYTES = 16;

/** Largest payload (1 MiB) and largest sealed message (1.5 MiB), in bytes, where nothing else is set. */
export const MAX_PAYLOAD_BYTES = 1 << 20;
export const MAX_SEALED_BYTES = 3 << 19;

/** Header labels of party information and salts (RFC 9053 §5.2, §6.3): outside the profile wherever they stand. */
const REFUSED_LABELS = [-20, -21, -22, -23, -24, -25, -26];

/** A recipient with the row of the algorithm table that it uses. */
export interface ProfiledRecipient {
  readonly recipient: Recipient;
  readonly kid: Uint8Array;
  /** `undefined` for an algorithm this version does not know: it is addressed to somebody else. */
  readonly algorithm: KeyManagementAlgorithm | undefined;
}

/** A sealed message whose structure fits the profile. */
export interface ProfiledMessage {
  readonly message: Encrypt;
  readonly iv: Uint8Array;
  readonly recipients: readonly ProfiledRecipient[];
}

/** Additional data of the content encryption: what the topic says, so that nothing can be moved elsewhere. */
export function contentAad(protectedBytes: Uint8Array, family: Family, audience: string | null): Uint8Array {
  return encStructure(protectedBytes, encodeBriefly(['sealmq/1', family, audience]));
}

/**
 * Parses a sealed message and checks it against the profile, before any key is touched.
 *
 * @param maxBytes - largest acceptable message
 * @throws {@link SealMQError} `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_COSE`, `DECODE_KEY`
 */
export function parseSealed(bytes: Uint8Array, maxBytes: number = MAX_SEALED_BYTES): ProfiledMessage {
  if (bytes.length > maxBytes) throw new SealMQError('DECODE_TOO_LARGE', `sealed message of ${bytes.length} bytes`);
  const message = decodeEncrypt(bytes, MAX_RECIPIENTS);
  if (message.protectedHeader.get(Header.alg) !== Algorithm.A256GCM) throw malformed('content algorithm');
  if (message.protectedHeader.get(Header.typ) !== TYPE) throw malformed('typ');
  const iv = message.unprotectedHeader.get(Header.iv);
  if (!isBytes(iv) || iv.length !== IV_BYTES) throw malformed('iv');
  const recipients = message.recipients.map(profileRecipient);
  if (new Set(recipients.map(({ kid }) => toHex(kid))).size !== recipients.length) throw malformed('repeated kid');
  return { message, iv, recipients };
}

function profileRecipient(recipient: Recipient): ProfiledRecipient {
  const { protectedHeader, unprotectedHeader } = recipient;
  for (const label of REFUSED_LABELS) {
    if (protectedHeader.has(label) || unprotectedHeader.has(label)) throw malformed('party information');
  }
  const kid = unprotectedHeader.get(Header.kid);
  if (!isBytes(kid) || kid.length !== KID_BYTES) throw malformed('recipient kid');
  const alg = protectedHeader.get(Header.alg) ?? unprotectedHeader.get(Header.alg);
  if (typeof alg !== 'number' && typeof alg !== 'string') throw malformed('recipient algorithm');
  const candidates = keyManagementAlgorithms.filter((row) => row.alg === alg);
  const algorithm = candidates.find((row) => row.accepts(recipient));
  if (candidates.length > 0 && !algorithm) throw malformed('recipient');
  return { recipient, kid, algorithm };
}
