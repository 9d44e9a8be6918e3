import { SealMQError } from '../errors.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES = new Map([...ALPHABET].map((character, value) => [character, value]));

/** Unpadded base64url (RFC 4648 §5) of `bytes`. */
export function toBase64url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const characters = Math.min(bytes.length - i, 3) + 1;
    for (let j = 0; j < characters; j++) text += ALPHABET[(group >> (18 - 6 * j)) & 63];
  }
  return text;
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
  for (const character of text) {
    const value = VALUES.get(character);
    if (value === undefined) throw invalid();
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
