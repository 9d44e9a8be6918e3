import { constants, createHash, createPrivateKey, createPublicKey, privateEncrypt, publicEncrypt } from 'node:crypto';
import { concat } from '../../src/bytes/bytes.js';
import { decodePrivateKey, type RsaPublicKey } from '../../src/cose/key.js';
import { privateKeyToJwk, publicKeyToJwk } from '../../src/crypto/jwk.js';

/** RSA with randomness that is handed in: only so that vectors come out the same each time. Never for anything else. */

const HASH_BYTES = 32;
const RAW = constants.RSA_NO_PADDING;

/** RSAES-OAEP with SHA-256 and an empty label (RFC 8017 §7.1.1), the seed (32 bytes) given. */
export function oaepEncrypt(key: RsaPublicKey, message: Uint8Array, seed: Uint8Array): Uint8Array {
  const size = key.n.length;
  const filler = new Uint8Array(size - message.length - 2 * HASH_BYTES - 2);
  const block = concat(sha256(new Uint8Array(0)), filler, Uint8Array.of(1), message);
  const maskedBlock = xor(block, mgf1(seed, block.length));
  const maskedSeed = xor(seed, mgf1(maskedBlock, HASH_BYTES));
  const publicKey = createPublicKey({ key: publicKeyToJwk(key), format: 'jwk' });
  const encrypted = publicEncrypt({ key: publicKey, padding: RAW }, concat(Uint8Array.of(0), maskedSeed, maskedBlock));
  return new Uint8Array(encrypted);
}

/** RSASSA-PSS with SHA-256 (RFC 8017 §8.1.1, §9.1.1), the salt (32 bytes) given; for moduli of whole bytes. */
export function pssSign(coseKey: Uint8Array, data: Uint8Array, salt: Uint8Array): Uint8Array {
  const { publicKey, secrets } = decodePrivateKey(coseKey);
  const size = (publicKey as RsaPublicKey).n.length;
  const hash = sha256(concat(new Uint8Array(8), sha256(data), salt));
  const block = concat(new Uint8Array(size - salt.length - HASH_BYTES - 2), Uint8Array.of(1), salt);
  const masked = xor(block, mgf1(hash, block.length));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  const privateKey = createPrivateKey({ key: privateKeyToJwk(publicKey, secrets), format: 'jwk' });
  const signature = privateEncrypt({ key: privateKey, padding: RAW }, concat(masked, hash, Uint8Array.of(0xbc)));
  return new Uint8Array(signature);
}

/** MGF1 with SHA-256 (RFC 8017 §B.2.1). */
function mgf1(seed: Uint8Array, length: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0; counter * HASH_BYTES < length; counter++) {
    blocks.push(sha256(concat(seed, Uint8Array.of(0, 0, counter >> 8, counter & 255))));
  }
  return concat(...blocks).subarray(0, length);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

function sha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}
