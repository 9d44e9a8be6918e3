import type { CryptoProvider } from '../crypto/provider.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CLIENT_ID_LENGTH = 22;

/** An MQTT client id: 22 characters, each of 62 with equal probability. */
export function makeClientId(provider: CryptoProvider): string {
  let text = '';
  while (text.length < CLIENT_ID_LENGTH) {
    for (const byte of provider.randomBytes(CLIENT_ID_LENGTH)) {
      // 248 = 4 × 62: the bytes above it would favour some characters.
      if (byte < 248 && text.length < CLIENT_ID_LENGTH) text += BASE62[byte % 62];
    }
  }
  return text;
}
