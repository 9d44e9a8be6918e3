/** Registered COSE and CWT numbers this profile uses, and its private labels. */

/** COSE header parameters (RFC 9052 §3.1, RFC 9596, RFC 9597; below -65536: private use). */
export const Header = {
  alg: 1,
  crit: 2,
  contentType: 3,
  kid: 4,
  iv: 5,
  cwtClaims: 15,
  typ: 16,
  ephemeralKey: -1,
  seq: -65537,
  channel: -65538,
  stream: -65539,
  to: -65540,
  inReplyTo: -65541,
  version: -65542,
  tagKey: -65543,
} as const;

/** CWT claims (RFC 8392 §4), used inside {@link Header.cwtClaims}. */
export const Claim = { iss: 1, aud: 3, exp: 4, iat: 6, cti: 7 } as const;

/** COSE algorithms (RFC 9053, RFC 8230, RFC 9864). */
export const Algorithm = {
  A256GCM: 3,
  A256KW: -5,
  'ECDH-ES+A256KW': -31,
  'RSAES-OAEP-256': -41,
  ESP256: -9,
  Ed25519: -19,
  PS256: -37,
} as const;

/** CBOR tags of COSE messages (RFC 9052 §2). */
export const MessageTag = { Sign1: 18, Encrypt: 96 } as const;

/** COSE_Key types, curves and parameters (RFC 9053 §7, RFC 8230 §4). */
export const KeyType = { OKP: 1, EC2: 2, RSA: 3 } as const;
export const Curve = { 'P-256': 1, X25519: 4, Ed25519: 6 } as const;
