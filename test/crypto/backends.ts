import { readFileSync } from 'node:fs';
import {
  type Ec2PublicKey,
  encodePrivateKey,
  type OkpPublicKey,
  type PublicKey,
  type RsaPublicKey,
} from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import type { CryptoProvider, KeyAlgorithm, PrivateKey } from '../../src/crypto/provider.js';
import { webcryptoProvider } from '../../src/crypto/webcrypto.js';

/** Every backend, and Web Crypto once more with everything that it can do itself left to it. */
export const backends: readonly { readonly label: string; readonly provider: CryptoProvider }[] = [
  { label: 'native', provider: nativeProvider() },
  { label: 'webcrypto', provider: webcryptoProvider() },
  { label: 'webcrypto without plain JavaScript', provider: webcryptoProvider({ subtleFrom: 0 }) },
  { label: 'noble', provider: nobleProvider() },
];

export const algorithms: readonly KeyAlgorithm[] = ['Ed25519', 'ESP256', 'PS256', 'X25519', 'P-256', 'RSA-OAEP-256'];

/** The contents of a file of `test/vectors`. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T;
}

/** Plain bytes of hexadecimal. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

export function okp(crv: OkpPublicKey['crv'], x: string): OkpPublicKey {
  return { kty: 'OKP', crv, x: hex(x) };
}

export function ec2(x: string, y: string): Ec2PublicKey {
  return { kty: 'EC2', crv: 'P-256', x: hex(x), y: hex(y) };
}

/** Imports a curve's private key from its scalar. */
export async function importScalar(
  provider: CryptoProvider,
  algorithm: KeyAlgorithm,
  key: PublicKey,
  d: string,
): Promise<PrivateKey> {
  return provider.importPrivateKey(algorithm, encodePrivateKey(key, { d: hex(d) }));
}

const rsa = readVectors<{ key: Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dP' | 'dQ' | 'qInv', string> }>(
  'rsa-3072.json',
).key;

/** A published RSA key, for where the key does not matter: to generate one takes a second. */
export const rsaPublicKey: RsaPublicKey = { kty: 'RSA', n: hex(rsa.n), e: hex(rsa.e) };
export const rsaCoseKey: Uint8Array = encodePrivateKey(rsaPublicKey, {
  d: hex(rsa.d),
  p: hex(rsa.p),
  q: hex(rsa.q),
  dP: hex(rsa.dP),
  dQ: hex(rsa.dQ),
  qInv: hex(rsa.qInv),
});

/** A fresh key, but {@link rsaCoseKey} where it would be one for RSA. */
export async function keyFor(
  provider: CryptoProvider,
  algorithm: KeyAlgorithm,
  extractable = true,
): Promise<PrivateKey> {
  const isRsa = algorithm === 'PS256' || algorithm === 'RSA-OAEP-256';
  if (isRsa) return provider.importPrivateKey(algorithm, rsaCoseKey, extractable);
  return provider.generateKey(algorithm, extractable);
}

/** A copy with one bit of one byte changed. */
export function flip(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.map((byte, i) => (i === index ? byte ^ 1 : byte));
}
