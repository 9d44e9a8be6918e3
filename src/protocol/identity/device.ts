import type { CborMap, CborValue } from '../../bytes/cbor.js';
import { encodeCbor } from '../../bytes/cbor.js';
import { isBytes, isCounter, isText, present, readFields, toMap } from '../../bytes/fields.js';
import { type PublicKey, publicKeyMap, readPublicKey } from '../../cose/key.js';
import { decodeSign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { keyManagementAlgorithms, type SuiteName, signatureAlgorithms, suites } from '../../crypto/suites.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { sign, verify } from '../signed.js';

/** How long a retired device key still verifies messages that were in flight, in seconds (45 days). */
export const RETIRED_GRACE = 45 * 24 * 3600;

/** One device in a key record: its public keys and for how long they hold. Times in seconds. */
export interface DeviceEntry {
  /** 16 lower-case base32 characters; stays the same when the device rotates its keys. */
  readonly id: string;
  readonly name?: string;
  readonly signKey: PublicKey;
  readonly sealKey: PublicKey;
  readonly notBefore: number;
  /** Retired from then on: nothing is sealed to it, its messages verify for another 45 days. */
  readonly notAfter?: number;
  /** Revoked: nothing of it verifies, whatever the messages say about their time. */
  readonly revokedAt?: number;
  /** The device's own signature over address, identity and keys. */
  readonly proof: Uint8Array;
}

/** The private keys of a device. */
export interface DeviceKeys {
  readonly id: string;
  readonly signKey: PrivateKey;
  readonly sealKey: PrivateKey;
}

/** What a device's proof binds it to. */
export interface ProofContext {
  readonly address: string;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const DEVICE_ID = /^[a-z2-7]{16}$/;
const MAX_NAME_LENGTH = 64;

const isDeviceId = (value: unknown): value is string => typeof value === 'string' && DEVICE_ID.test(value);

/**
 * Fresh keys for a device.
 *
 * @param id - that of the device whose keys are replaced; 80 random bits where absent
 * @param extractable - whether the private keys can be exported; default true
 */
export function* generateDeviceKeys(
  provider: CryptoProvider,
  suiteName: SuiteName,
  { id, extractable = true }: { id?: string; extractable?: boolean } = {},
): Steps<DeviceKeys> {
  const suite = suites.find(({ name }) => name === suiteName);
  if (!suite) throw new SealMQError('USAGE_INVALID_ARGUMENT', `unknown suite ${suiteName}`);
  return {
    id: id ?? Array.from(provider.randomBytes(16), (byte) => BASE32[byte & 31]).join(''),
    signKey: yield* step(provider.generateKey(suite.signature, extractable)),
    sealKey: yield* step(provider.generateKey(suite.keyManagement, extractable)),
  };
}

/** The public entry of a device with its proof of possession. */
export function* enterDevice(
  provider: CryptoProvider,
  keys: DeviceKeys,
  context: ProofContext,
  { notBefore, name }: { notBefore: number; name?: string },
): Steps<DeviceEntry> {
  const entry = { id: keys.id, signKey: keys.signKey.publicKey, sealKey: keys.sealKey.publicKey, notBefore };
  const payload = proofPayload(entry, context);
  const proof = yield* sign(provider, keys.signKey, { purpose: 'device-proof', payload, detached: true });
  return { ...entry, ...(name !== undefined && { name }), proof };
}

/** Whether the device itself signed for this address and identity. @throws `DECODE_CBOR`, `DECODE_COSE` */
export function* verifyProof(provider: CryptoProvider, entry: DeviceEntry, context: ProofContext): Steps<boolean> {
  const proof = decodeSign1(entry.proof);
  if (proof.payload !== null) return false;
  return yield* verify(provider, entry.signKey, proof, { purpose: 'device-proof' }, proofPayload(entry, context));
}

/** Whether the device is neither retired nor revoked: its entry is the one of its id. */
export function isCurrent({ notAfter, revokedAt }: DeviceEntry): boolean {
  return notAfter === undefined && revokedAt === undefined;
}

/** Whether messages are sealed to this device at `now`. */
export function isActive(entry: DeviceEntry, now: number): boolean {
  return entry.revokedAt === undefined && (entry.notAfter === undefined || entry.notAfter > now);
}

/** What to make of a message that this device signed, at directory time `now`. */
export function deviceStanding(entry: DeviceEntry, now: number): 'good' | 'retired' | 'revoked' {
  if (entry.revokedAt !== undefined) return 'revoked';
  return entry.notAfter !== undefined && now > entry.notAfter + RETIRED_GRACE ? 'retired' : 'good';
}

/** The `kid` of a device's messages: the 32-byte thumbprint of its signing key. */
export function deviceKid(provider: CryptoProvider, entry: DeviceEntry): Steps<Uint8Array> {
  return keyThumbprint(provider, entry.signKey);
}

/** The CBOR map of an entry, as it stands in a key record. */
export function deviceMap(entry: DeviceEntry): CborMap {
  return toMap({ ...entry, signKey: publicKeyMap(entry.signKey), sealKey: publicKeyMap(entry.sealKey) });
}

/** Reads an entry. @throws `DECODE_RECORD`, `DECODE_KEY` */
export function readDevice(value: CborValue): DeviceEntry {
  const fields = readFields(value, 'DECODE_RECORD', 'device entry');
  const entry = present({
    id: fields.required('id', isDeviceId),
    name: fields.optional('name', isText(MAX_NAME_LENGTH)),
    signKey: readPublicKey((value as CborMap).get('signKey')),
    sealKey: readPublicKey((value as CborMap).get('sealKey')),
    notBefore: fields.required('notBefore', isCounter),
    notAfter: fields.optional('notAfter', isCounter),
    revokedAt: fields.optional('revokedAt', isCounter),
    proof: fields.required('proof', isBytes),
  });
  const signs = signatureAlgorithms.some(({ matches }) => matches(entry.signKey));
  const seals = keyManagementAlgorithms.some(({ matches }) => matches(entry.sealKey));
  if (signs && seals) return entry;
  throw new SealMQError('DECODE_RECORD', 'malformed device entry: a key of the wrong kind');
}

function proofPayload(entry: Pick<DeviceEntry, 'id' | 'signKey' | 'sealKey'>, context: ProofContext): Uint8Array {
  const { address, identity } = context;
  const [signKey, sealKey] = [publicKeyMap(entry.signKey), publicKeyMap(entry.sealKey)];
  return encodeCbor(toMap({ address, identity, id: entry.id, signKey, sealKey }));
}
