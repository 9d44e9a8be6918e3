import { equal } from '../bytes/bytes.js';

export const AES_GCM = 'AES-GCM';

/** Under a key that is used again its import costs nothing any more: from so many bytes on the platform is faster. */
const AGAIN_FROM = 1024;

interface HeldSecret {
  /** What was imported: bytes that were changed since are another key. */
  readonly bytes: Uint8Array;
  readonly cryptoKey: Promise<CryptoKey>;
}

/**
 * The platform's AES-GCM key for these bytes, or `undefined` where plain JavaScript is to do the work. The key of one message is
 * forgotten with it; one that comes a second time is imported once, and held for as long as the array lives.
 *
 * @param subtleFrom - from how many bytes on the platform works for a new key
 */
export function platformKeys(
  subtle: SubtleCrypto,
  subtleFrom: number,
): (key: Uint8Array, length: number) => Promise<CryptoKey> | undefined {
  const seen = new WeakSet<Uint8Array>();
  const held = new WeakMap<Uint8Array, HeldSecret>();
  const importKey = (key: Uint8Array) =>
    subtle.importKey('raw', key as Uint8Array<ArrayBuffer>, AES_GCM, false, ['encrypt', 'decrypt']);

  function again(key: Uint8Array): Promise<CryptoKey> {
    const known = held.get(key);
    if (known && equal(known.bytes, key)) return known.cryptoKey;
    const cryptoKey = importKey(key);
    held.set(key, { bytes: key.slice(), cryptoKey });
    return cryptoKey;
  }

  return (key, length) => {
    if (seen.has(key)) return length < Math.min(AGAIN_FROM, subtleFrom) ? undefined : again(key);
    seen.add(key);
    return length < subtleFrom ? undefined : importKey(key);
  };
}
