import { SealMQError } from '../errors.js';
import { fromUtf8, utf8 } from './bytes.js';

const ALPHABET = utf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const FOREIGN = 255;
const VALUES = new Uint8Array(128).fill(FOREIGN);
for (const [value, code] of ALPHABET.entries()) VALUES[code] = value;

/** Unpadded base64url (RFC 4648 §5) of `bytes`. */
export function toBase64url(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let length = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const characters = Math.min(bytes.length - i, 3) + 1;
    for (let j = 0; j < characters; j++) codes[length++] = ALPHABET[(group >> (18 - 6 * j)) & 63] as number;
  }
  return fromUtf8(codes);
}

/**
 * Bytes of unpadded base64url (RFC 4648 §5). Padding, white space, foreign characters and non-zero left-over bits are
 * refused, so that every byte string has exactly one text.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT`
 */
export function fromBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length * 3) >> 2);
  let bits = 0;
  let held = 0;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? FOREIGN;
    if (value === FOREIGN) throw invalid();
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[length++] = (bits >> held) & 0xff;
    }
  }
  if (text.length % 4 === 1 || (bits & ((1 << held) - 1)) !== 0) throw invalid();
  return bytes;
}

function invalid(): SealMQError {
  return new SealMQError('USAGE_INVALID_ARGUMENT', 'not unpadded base64url');
}
