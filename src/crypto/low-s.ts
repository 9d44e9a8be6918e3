/** The order n of P-256 (SP 800-186 §3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const HALF = ORDER >> 1n;
const COORDINATE_BYTES = 32;

/**
 * An ECDSA signature r ‖ s on P-256 with the lower of the two values of s that verify alike, s and n − s. Signatures are
 * public, so neither branch tells anything secret. What is not 64 bytes is returned as it is.
 */
export function lowS(signature: Uint8Array): Uint8Array {
  if (signature.length !== 2 * COORDINATE_BYTES) return signature;
  const s = toInteger(signature.subarray(COORDINATE_BYTES));
  if (s <= HALF || s >= ORDER) return signature;
  const lower = signature.slice();
  lower.set(toBytes(ORDER - s), COORDINATE_BYTES);
  return lower;
}

function toInteger(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function toBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(COORDINATE_BYTES);
  for (let i = COORDINATE_BYTES - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}
