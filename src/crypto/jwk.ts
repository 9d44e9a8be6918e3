import { fromBase64url, toBase64url } from '../bytes/base64url.js';
import type { PrivateParameters, PublicKey } from '../cose/key.js';
import { invalidKey } from './public-keys.js';

/** The members of a JSON Web Key (RFC 7517, 7518, 8037) that our keys have. */
export type Jwk = {
  kty?: string;
  crv?: string;
  x?: string;
  y?: string;
  n?: string;
  e?: string;
  d?: string;
  p?: string;
  q?: string;
  dp?: string;
  dq?: string;
  qi?: string;
};

const RSA_FACTORS = { p: 'p', q: 'q', dP: 'dp', dQ: 'dq', qInv: 'qi' } as const;

/** A public key as JWK. */
export function publicKeyToJwk(key: PublicKey): Jwk {
  switch (key.kty) {
    case 'OKP':
      return { kty: 'OKP', crv: key.crv, x: toBase64url(key.x) };
    case 'EC2':
      return { kty: 'EC', crv: key.crv, x: toBase64url(key.x), y: toBase64url(key.y) };
    case 'RSA':
      return { kty: 'RSA', n: toBase64url(key.n), e: toBase64url(key.e) };
  }
}

/** The public key in a JWK that a platform exported. @throws `DECODE_KEY` for a type or curve outside the profile */
export function publicKeyFromJwk(jwk: Jwk): PublicKey {
  if (jwk.kty === 'RSA') return { kty: 'RSA', n: member(jwk.n), e: member(jwk.e) };
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return { kty: 'EC2', crv: jwk.crv, x: member(jwk.x), y: member(jwk.y) };
  if (jwk.kty === 'OKP' && (jwk.crv === 'X25519' || jwk.crv === 'Ed25519')) {
    return { kty: 'OKP', crv: jwk.crv, x: member(jwk.x) };
  }
  throw invalidKey();
}

/** A private key as JWK; RSA with all its factors. */
export function privateKeyToJwk(key: PublicKey, secrets: PrivateParameters): Jwk {
  const jwk: Jwk = { ...publicKeyToJwk(key), d: toBase64url(secrets.d) };
  if (key.kty === 'RSA') {
    for (const [name, label] of factors()) jwk[label] = toBase64url(secrets[name] ?? new Uint8Array(0));
  }
  return jwk;
}

/** The secret parameters in a JWK that a platform exported. */
export function secretsFromJwk(jwk: Jwk): PrivateParameters {
  const secrets: { -readonly [Name in keyof PrivateParameters]: PrivateParameters[Name] } = { d: member(jwk.d) };
  if (jwk.kty === 'RSA') {
    for (const [name, label] of factors()) secrets[name] = member(jwk[label]);
  }
  return secrets;
}

function factors() {
  return Object.entries(RSA_FACTORS) as [keyof typeof RSA_FACTORS, (typeof RSA_FACTORS)[keyof typeof RSA_FACTORS]][];
}

function member(value: string | undefined): Uint8Array {
  if (value === undefined) throw invalidKey();
  return fromBase64url(value);
}
