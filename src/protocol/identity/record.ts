import { equal } from '../../bytes/bytes.js';
import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import {
  type Check,
  isArrayOf,
  isBytes,
  isBytesOf,
  isCounter,
  isMap,
  isText,
  present,
  readFields,
  toMap,
} from '../../bytes/fields.js';
import { type PublicKey, publicKeyMap, readPublicKey } from '../../cose/key.js';
import { decodeSign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { all, run, type Steps, step } from '../../crypto/steps.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { isAddress, RELAY_ADDRESS } from '../address.js';
import { sign, verify } from '../signed.js';
import { type DeviceEntry, deviceMap, isCurrent, readDevice, verifyProof } from './device.js';

/** Largest encoded key record in bytes, and most devices in it (retired ones included). */
export const MAX_RECORD_BYTES = 1 << 16;
export const MAX_DEVICES = 64;

/** What an account can do; it may not shrink unnoticed. */
export interface Capabilities {
  readonly profiles: readonly string[];
  readonly suites: readonly string[];
}

/** What a key record says of an account. Times in seconds. */
export interface RecordContent {
  readonly address: string;
  /** From 1; a client that has seen a version refuses lower ones. */
  readonly version: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** SHA-256 of the encoded record of the version before; absent in version 1. */
  readonly previous?: Uint8Array;
  readonly identityKey: PublicKey;
  readonly capabilities: Capabilities;
  readonly devices: readonly DeviceEntry[];
  /** A Sign1 by the previous identity key over this one. */
  readonly identityChange?: Uint8Array;
  /** Of a relay that wakes: its public key towards push services (VAPID, RFC 8292 §3.2), an uncompressed P-256 point of 65 bytes. */
  readonly pushKey?: Uint8Array;
}

/** A verified key record. */
export interface KeyRecord extends RecordContent {
  /** The COSE_Sign1 as it travels. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`: the ETag at the directory, `previous` of the next version. */
  readonly hash: Uint8Array;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
}

/** Signs a record. The content is taken as it is: {@link verifyRecord} is the judge. */
export function* signRecord(
  provider: CryptoProvider,
  identityKey: PrivateKey,
  content: RecordContent,
): Steps<KeyRecord> {
  const payload = encodeCbor(
    toMap({
      ...content,
      identityKey: publicKeyMap(content.identityKey),
      capabilities: toMap({ ...content.capabilities }),
      devices: content.devices.map(deviceMap),
    }),
  );
  const bytes = yield* sign(provider, identityKey, { purpose: 'record', payload });
  return yield* verifyAs(content.address === RELAY_ADDRESS ? isRelay : isAddress, provider, bytes);
}

/**
 * Decodes and verifies a record by itself: the identity key's signature and every device's proof. Whether it may follow
 * what is known of the address is `compareRecords`' question.
 *
 * @throws {@link SealMQError} `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_COSE`, `DECODE_KEY`, `DECODE_RECORD`,
 *   `VERIFY_SIGNATURE`, `USAGE_SUITE_UNAVAILABLE` for keys of an algorithm that this backend lacks
 */
export function verifyRecord(provider: CryptoProvider, bytes: Uint8Array): Steps<KeyRecord> {
  return verifyAs(isAddress, provider, bytes);
}

/**
 * {@link verifyRecord} for the record of a relay: every other is refused here, and this one everywhere else. That it is the
 * relay's is the directory's word, since anybody can sign one.
 */
export function verifyRelayRecord(provider: CryptoProvider, bytes: Uint8Array): Steps<KeyRecord> {
  return verifyAs(isRelay, provider, bytes);
}

/** {@link verifyRecord}, or {@link verifyRelayRecord} where `address` is the relay's. */
export function verifyRecordOf(provider: CryptoProvider, address: string, bytes: Uint8Array): Steps<KeyRecord> {
  return verifyAs(address === RELAY_ADDRESS ? isRelay : isAddress, provider, bytes);
}

const isRelay: Check<string> = (value): value is string => value === RELAY_ADDRESS;

function* verifyAs(mayBeIts: Check<string>, provider: CryptoProvider, bytes: Uint8Array): Steps<KeyRecord> {
  if (bytes.length > MAX_RECORD_BYTES) throw new SealMQError('DECODE_TOO_LARGE', `key record of ${bytes.length} bytes`);
  const message = decodeSign1(bytes);
  if (message.payload === null) throw new SealMQError('DECODE_RECORD', 'key record without payload');
  // Nothing that the signature does not cover: or whoever passes a record on could make a second one of its version.
  if (message.unprotectedHeader.size > 0) throw new SealMQError('DECODE_RECORD', 'key record with unprotected header');
  const content = readContent(decodeCbor(message.payload), mayBeIts);
  if (!(yield* verify(provider, content.identityKey, message, { purpose: 'record' }))) {
    throw new SealMQError('VERIFY_SIGNATURE');
  }
  const identity = yield* keyThumbprint(provider, content.identityKey);
  const context = { address: content.address, identity };
  const proofs = yield* all(content.devices.map((device) => run(verifyProof(provider, device, context))));
  if (proofs.includes(false)) throw new SealMQError('VERIFY_SIGNATURE');
  yield* refuseSharedKeys(provider, identity, content.devices);
  return { ...content, bytes, hash: yield* step(provider.sha256(bytes)), identity };
}

/** A key that stands under two entries, or is the identity key as well, would make it ambiguous whether it is revoked. */
function* refuseSharedKeys(
  provider: CryptoProvider,
  identity: Uint8Array,
  devices: readonly DeviceEntry[],
): Steps<void> {
  const seen: Uint8Array[] = [identity];
  for (const key of devices.flatMap(({ signKey, sealKey }) => [signKey, sealKey])) {
    const thumbprint = yield* keyThumbprint(provider, key);
    if (seen.some((other) => equal(other, thumbprint))) throw new SealMQError('DECODE_RECORD', 'a key stands twice');
    seen.push(thumbprint);
  }
}

const isNames = isArrayOf(isText(64), 32);
const isHash = isBytesOf(32);
const isPoint = isBytesOf(65);
const isList = (value: unknown): value is readonly CborValue[] =>
  Array.isArray(value) && value.length >= 1 && value.length <= MAX_DEVICES;
const isVersion = (value: unknown): value is number => isCounter(value) && value >= 1;

function readContent(value: CborValue, mayBeIts: Check<string>): RecordContent {
  const fields = readFields(value, 'DECODE_RECORD', 'key record');
  const capabilities = readFields(fields.required('capabilities', isMap), 'DECODE_RECORD', 'capabilities');
  const content = present({
    address: fields.required('address', mayBeIts),
    version: fields.required('version', isVersion),
    issuedAt: fields.required('issuedAt', isCounter),
    expiresAt: fields.required('expiresAt', isCounter),
    previous: fields.optional('previous', isHash),
    identityKey: readPublicKey(fields.required('identityKey', isMap)),
    capabilities: {
      profiles: capabilities.required('profiles', isNames),
      suites: capabilities.required('suites', isNames),
    },
    devices: fields.required('devices', isList).map(readDevice),
    identityChange: fields.optional('identityChange', isBytes),
    pushKey: fields.optional('pushKey', isPoint),
  });
  if ((content.version === 1) !== (content.previous === undefined)) {
    throw new SealMQError('DECODE_RECORD', 'previous stands in every version but the first');
  }
  const current = content.devices.filter(isCurrent);
  if (new Set(current.map(({ id }) => id)).size < current.length) {
    throw new SealMQError('DECODE_RECORD', 'one id, two devices');
  }
  // Verified later, one of them only when the identity changes; malformed, they are refused here.
  for (const { proof } of content.devices) decodeSign1(proof);
  if (content.identityChange) decodeSign1(content.identityChange);
  return content;
}
