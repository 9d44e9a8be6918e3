const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** Unpadded lower-case base32 (RFC 4648 §6) of `bytes`. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET[(bits >> held) & 31];
    }
  }
  return held === 0 ? text : text + ALPHABET[(bits << (5 - held)) & 31];
}
