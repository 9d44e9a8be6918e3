import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isBytes, isMap } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import { Curve, KeyType } from './labels.js';

/** A public COSE_Key of kty OKP (RFC 9053 §7.2): 32 bytes. */
export interface OkpPublicKey {
  readonly kty: 'OKP';
  readonly crv: 'X25519' | 'Ed25519';
  readonly x: Uint8Array;
}

/** A public COSE_Key of kty EC2 (RFC 9053 §7.1): two coordinates of 32 bytes. */
export interface Ec2PublicKey {
  readonly kty: 'EC2';
  readonly crv: 'P-256';
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

/** A public COSE_Key of kty RSA (RFC 8230 §4): modulus of 3,072 to 4,096 bits, exponent 65,537. */
export interface RsaPublicKey {
  readonly kty: 'RSA';
  readonly n: Uint8Array;
  readonly e: Uint8Array;
}

/** A public key as plain data; backends keep their own imported form of it, once per object. */
export type PublicKey = OkpPublicKey | Ec2PublicKey | RsaPublicKey;

/** The secret parameters of a private COSE_Key: `d` for OKP and EC2, with the CRT values for RSA (RFC 8230 §4). */
export interface PrivateParameters {
  readonly d: Uint8Array;
  readonly p?: Uint8Array;
  readonly q?: Uint8Array;
  readonly dP?: Uint8Array;
  readonly dQ?: Uint8Array;
  readonly qInv?: Uint8Array;
}

const Parameter = { kty: 1, crv: -1, x: -2, y: -3, d: -4, n: -1, e: -2 } as const;
const RSA_SECRETS = { d: -3, p: -4, q: -5, dP: -6, dQ: -7, qInv: -8 } as const;
const RSA_EXPONENT = Uint8Array.of(1, 0, 1);

/** Smallest and largest RSA modulus in bytes. */
export const MIN_RSA_BYTES = 384;
export const MAX_RSA_BYTES = 512;

/** The COSE_Key map with only the parameters that RFC 9679 §3 requires for a thumbprint. */
export function publicKeyMap(key: PublicKey): CborMap {
  switch (key.kty) {
    case 'OKP':
      return new Map<number, CborValue>([
        [Parameter.kty, KeyType.OKP],
        [Parameter.crv, Curve[key.crv]],
        [Parameter.x, key.x],
      ]);
    case 'EC2':
      return new Map<number, CborValue>([
        [Parameter.kty, KeyType.EC2],
        [Parameter.crv, Curve[key.crv]],
        [Parameter.x, key.x],
        [Parameter.y, key.y],
      ]);
    case 'RSA':
      return new Map<number, CborValue>([
        [Parameter.kty, KeyType.RSA],
        [Parameter.n, key.n],
        [Parameter.e, key.e],
      ]);
  }
}

/** Deterministic encoding of {@link publicKeyMap}. */
export function encodePublicKey(key: PublicKey): Uint8Array {
  return encodeCbor(publicKeyMap(key));
}

/**
 * Reads a public COSE_Key out of a decoded map. Compressed points, private parameters and odd lengths are refused;
 * whether the point lies on its curve is the backend's check.
 *
 * @throws {@link SealMQError} `DECODE_KEY`
 */
export function readPublicKey(value: CborValue | undefined): PublicKey {
  if (!isMap(value)) throw badKey('not a map');
  switch (value.get(Parameter.kty)) {
    case KeyType.OKP:
      expectSize(value, 3);
      return { kty: 'OKP', crv: okpCurve(value.get(Parameter.crv)), x: field(value, Parameter.x, 32) };
    case KeyType.EC2:
      expectSize(value, 4);
      if (value.get(Parameter.crv) !== Curve['P-256']) throw badKey('unknown curve');
      return { kty: 'EC2', crv: 'P-256', x: field(value, Parameter.x, 32), y: field(value, Parameter.y, 32) };
    case KeyType.RSA:
      expectSize(value, 3);
      return readRsaKey(value);
    default:
      throw badKey('unknown key type');
  }
}

/** Encodes a private COSE_Key: the public parameters and the secret ones. */
export function encodePrivateKey(key: PublicKey, secrets: PrivateParameters): Uint8Array {
  const map = new Map(publicKeyMap(key));
  if (key.kty === 'RSA') {
    for (const [name, label] of rsaSecretLabels()) {
      const value = secrets[name];
      if (value === undefined) throw badKey('RSA key without its CRT parameters');
      map.set(label, value);
    }
  } else {
    map.set(Parameter.d, secrets.d);
  }
  return encodeCbor(map);
}

/**
 * Decodes a private COSE_Key written by {@link encodePrivateKey}.
 *
 * @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_KEY`
 */
export function decodePrivateKey(bytes: Uint8Array): { publicKey: PublicKey; secrets: PrivateParameters } {
  // A copy: the caller may wipe what it handed in.
  const map = decodeCbor(bytes.slice());
  if (!isMap(map)) throw badKey('not a map');
  const secrets: Partial<Record<keyof PrivateParameters, Uint8Array>> = {};
  const open = new Map(map);
  const labels: Iterable<[keyof PrivateParameters, number]> =
    map.get(Parameter.kty) === KeyType.RSA ? rsaSecretLabels() : [['d', Parameter.d]];
  for (const [name, label] of labels) {
    secrets[name] = field(map, label);
    open.delete(label);
  }
  return { publicKey: readPublicKey(open), secrets: secrets as PrivateParameters };
}

function rsaSecretLabels(): [keyof PrivateParameters, number][] {
  return Object.entries(RSA_SECRETS) as [keyof PrivateParameters, number][];
}

function readRsaKey(map: CborMap): RsaPublicKey {
  const n = field(map, Parameter.n);
  const e = field(map, Parameter.e);
  const bits = 8 * n.length - leadingZeroBits(n[0]);
  if (bits < 8 * MIN_RSA_BYTES || n.length > MAX_RSA_BYTES || n[0] === 0) throw badKey('RSA modulus size');
  if (e.length !== RSA_EXPONENT.length || !RSA_EXPONENT.every((byte, i) => byte === e[i])) {
    throw badKey('RSA exponent is not 65537');
  }
  return { kty: 'RSA', n, e };
}

function leadingZeroBits(byte = 0): number {
  return Math.clz32(byte) - 24;
}

function okpCurve(value: CborValue | undefined): OkpPublicKey['crv'] {
  if (value === Curve.X25519) return 'X25519';
  if (value === Curve.Ed25519) return 'Ed25519';
  throw badKey('unknown curve');
}

function field(map: CborMap, label: number, length?: number): Uint8Array {
  const value = map.get(label);
  if (!isBytes(value) || (length !== undefined && value.length !== length)) throw badKey('parameter missing or odd');
  return value;
}

function expectSize(map: CborMap, size: number): void {
  if (map.size !== size) throw badKey('unexpected parameters');
}

function badKey(reason: string): SealMQError {
  return new SealMQError('DECODE_KEY', `malformed COSE_Key: ${reason}`);
}
