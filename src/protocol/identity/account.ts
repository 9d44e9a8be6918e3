import { equal } from '../../bytes/bytes.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { DEFAULT_SUITE, type SuiteName, suites } from '../../crypto/suites.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import { assertAddress, RELAY_ADDRESS } from '../address.js';
import {
  type DeviceEntry,
  type DeviceKeys,
  deviceStanding,
  enterDevice,
  generateDeviceKeys,
  isActive,
  isCurrent,
  RETIRED_GRACE,
} from './device.js';
import { type Capabilities, type KeyRecord, signRecord } from './record.js';

/** The wire profile that this version speaks. */
export const PROFILE = 'sealmq/1';

/** How long a record is valid, in seconds (one year). Its owner renews it when half of that has passed. */
export const RECORD_LIFETIME = 365 * 24 * 3600;

/** An account as its primary device holds it: the identity key stays there. */
export interface Account {
  readonly identityKey: PrivateKey;
  readonly device: DeviceKeys;
  readonly record: KeyRecord;
}

/** How an account is made. */
export interface AccountOptions {
  readonly address: string;
  /** Default: a new one. */
  readonly identityKey?: PrivateKey;
  /** Default X25519-Ed25519. */
  readonly suite?: SuiteName;
  /** Seconds. */
  readonly now: number;
  readonly deviceName?: string;
  /** Whether private keys can be exported; default true. */
  readonly extractable?: boolean;
}

/** A new account: an identity key, a first device, and record version 1. @throws `USAGE_INVALID_ADDRESS` */
export function* createAccount(provider: CryptoProvider, options: AccountOptions): Steps<Account> {
  return yield* accountAt(assertAddress(options.address), provider, options);
}

/** The account of a relay, whose address is reserved. */
export function createRelayAccount(provider: CryptoProvider, options: Omit<AccountOptions, 'address'>): Steps<Account> {
  return accountAt(RELAY_ADDRESS, provider, options);
}

function* accountAt(
  address: string,
  provider: CryptoProvider,
  options: Omit<AccountOptions, 'address'>,
): Steps<Account> {
  const { suite = DEFAULT_SUITE, now, extractable = true, deviceName } = options;
  const device = yield* generateDeviceKeys(provider, suite, { extractable });
  const identityKey = options.identityKey ?? (yield* step(provider.generateKey(device.signKey.algorithm, extractable)));
  const identity = yield* keyThumbprint(provider, identityKey.publicKey);
  const entry = yield* enterDevice(
    provider,
    device,
    { address, identity },
    { notBefore: now, ...(deviceName !== undefined && { name: deviceName }) },
  );
  const record = yield* signRecord(provider, identityKey, {
    address,
    version: 1,
    issuedAt: now,
    expiresAt: now + RECORD_LIFETIME,
    identityKey: identityKey.publicKey,
    capabilities: capabilitiesOf(provider),
    devices: [entry],
  });
  return { identityKey, device, record };
}

/** What the next version of a record changes. */
export type RecordEdit = (devices: readonly DeviceEntry[]) => readonly DeviceEntry[];

/**
 * The next version of a record, signed: the devices as `edit` leaves them, without those that have been retired for so
 * long that nothing of theirs verifies any more.
 *
 * @param pushKey - of a relay; default the one it had
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` when no device would be left that is not revoked
 */
export function* nextRecord(
  provider: CryptoProvider,
  identityKey: PrivateKey,
  record: KeyRecord,
  edit: RecordEdit,
  now: number,
  pushKey = record.pushKey,
): Steps<KeyRecord> {
  // Revoked entries stay: without them a stolen key could be entered again.
  const devices = edit(record.devices).filter((device) => deviceStanding(device, now) !== 'retired');
  if (!devices.some((device) => isActive(device, now))) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a record needs one active device');
  }
  return yield* signRecord(provider, identityKey, {
    address: record.address,
    version: record.version + 1,
    issuedAt: now,
    expiresAt: now + RECORD_LIFETIME,
    previous: record.hash,
    identityKey: record.identityKey,
    // Kept for those who missed the version that brought it.
    ...(record.identityChange && { identityChange: record.identityChange }),
    ...(pushKey && { pushKey }),
    capabilities: capabilitiesOf(provider),
    devices,
  });
}

/**
 * Adds a device whose entry carries its proof.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` when its id stands in the record: an id belongs to one device for good
 */
export function addDevice(entry: DeviceEntry): RecordEdit {
  return (devices) => {
    if (devices.some(({ id }) => id === entry.id)) {
      throw new SealMQError('USAGE_INVALID_ARGUMENT', `the device id ${entry.id} is taken`);
    }
    return [...devices, entry];
  };
}

/** Retires a device's current keys at `now` and enters its new ones under the same id. */
export function rotateDevice(entry: DeviceEntry, now: number): RecordEdit {
  return (devices) => [...retireDevice(entry.id, now)(devices), entry];
}

/**
 * Nothing more is sealed to this device; its messages in flight verify for another {@link RETIRED_GRACE} seconds.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` when there is no active device of that id
 */
export function retireDevice(id: string, now: number): RecordEdit {
  const isMeant = (device: DeviceEntry) => device.id === id && isActive(device, now);
  return (devices) => {
    if (!devices.some(isMeant)) throw new SealMQError('USAGE_INVALID_ARGUMENT', `no active device ${id}`);
    return devices.map((device) => (isMeant(device) ? { ...device, notAfter: now } : device));
  };
}

/** From now on nothing of this device verifies, keys that it has rotated out included. @throws `USAGE_INVALID_ARGUMENT` when there is none of that id */
export function revokeDevice(id: string, now: number): RecordEdit {
  return (devices) => {
    if (!devices.some((device) => device.id === id)) throw new SealMQError('USAGE_INVALID_ARGUMENT', `no device ${id}`);
    return devices.map((device) => (device.id === id ? { ...device, revokedAt: device.revokedAt ?? now } : device));
  };
}

/** The devices that receive messages at `now`. */
export function activeDevices(record: KeyRecord, now: number): readonly DeviceEntry[] {
  return record.devices.filter((device) => isActive(device, now));
}

/** The ids of the devices that the record has as retired or revoked; one that rotated its keys is neither. */
export function removedDevices({ devices }: KeyRecord): ReadonlySet<string> {
  const current = new Set(devices.filter(isCurrent).map(({ id }) => id));
  return new Set(devices.map(({ id }) => id).filter((id) => !current.has(id)));
}

/** The sealing keys of {@link activeDevices}. */
export function activeSealKeys(record: KeyRecord, now: number): readonly PublicKey[] {
  return activeDevices(record, now).map((device) => device.sealKey);
}

/** The entry whose signing key has the thumbprint `kid`, or `undefined`. */
export function* findDevice(
  provider: CryptoProvider,
  record: KeyRecord,
  kid: Uint8Array,
): Steps<DeviceEntry | undefined> {
  for (const device of record.devices) {
    if (equal(yield* keyThumbprint(provider, device.signKey), kid)) return device;
  }
  return undefined;
}

/** What messages to this account may use: its profile, and the suites that its backend can verify. */
function capabilitiesOf(provider: CryptoProvider): Capabilities {
  return {
    profiles: [PROFILE],
    suites: suites.filter(({ signature }) => provider.supports(signature)).map(({ name }) => name),
  };
}
