/**
 * The head that stands before `bytes` when they are a CBOR byte string (RFC 8949 §3.1, shortest form): 1 to 5 bytes.
 *
 * Structures that are byte strings behind a beginning that never changes are put together from it: the general encoder
 * would take longer over them than a hash or a cipher does.
 */
export function byteStringHead({ length }: Uint8Array): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length);
  if (length < 0x100) return Uint8Array.of(0x58, length);
  if (length < 0x10000) return Uint8Array.of(0x59, length >> 8, length & 0xff);
  return Uint8Array.of(0x5a, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff);
}
