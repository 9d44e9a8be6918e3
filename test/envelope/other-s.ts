import { hex } from '../bytes/hex.js';

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The ECDSA signature with n − s for s: as valid as the first by the algorithm's own rules, and anybody can make it. */
export function withOtherS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return Uint8Array.of(...signature.subarray(0, 32), ...hex((P256_ORDER - s).toString(16).padStart(64, '0')));
}
