import { toBase64url } from '../bytes/base64url.js';
import { equal } from '../bytes/bytes.js';
import { type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isArrayOf, isBytes, isCounter, isFlag, isText, present, readFields, toMap } from '../bytes/fields.js';
import { encodePublicKey } from '../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import type { SuiteName } from '../crypto/suites.js';
import { keyThumbprint } from '../crypto/thumbprints.js';
import { SealMQError } from '../errors.js';
import type { StoreOperation } from '../ports/store.js';
import {
  type Account,
  type DeviceEntry,
  type DeviceKeys,
  deviceStanding,
  isCurrent,
  type KeyRecord,
} from '../protocol/identity/index.js';
import type { State } from './state.js';

/** Where the store keeps the account. */
export const ACCOUNT_KEY = 'account';

/** The vault's name of the identity key. */
export const IDENTITY = 'identity';

/** The names under which the vault keeps this device's private keys, and all else that must survive a restart. */
export interface SavedAccount {
  readonly address: string;
  readonly device: string;
  readonly deviceName?: string;
  /** The device's key pairs, newest first: those that were rotated out may still have mail in flight. */
  readonly signKeys: readonly string[];
  readonly sealKeys: readonly string[];
  /** Our record as it was last published or, before the first time, as it is to be. */
  readonly record: Uint8Array;
  /** A newer record that was not yet seen to arrive at the directory. */
  readonly pending?: Uint8Array;
  readonly registered: boolean;
  /** A new device that shows a link, and that no other has welcomed yet: its record is the directory's word only. */
  readonly linking?: boolean;
  /** The version of our record that those who know us have been told of. */
  readonly announced?: number;
  /** MQTT client id: a secret, since who knows it can take over the session. */
  readonly clientId: string;
  /** Creation time of this store in milliseconds: names the numbering of what it sends. */
  readonly stream: number;
}

/** How an account is made when the store holds none yet. Times in seconds. */
export interface NewAccount {
  readonly suite?: SuiteName;
  readonly deviceName?: string;
  readonly now: number;
  /** Milliseconds: names the numbering of what this store sends. */
  readonly stream: number;
}

/** The private keys of this device, newest pair first, and the account's identity key where it is here. */
export interface LoadedKeys {
  readonly keys: readonly DeviceKeys[];
  readonly identityKey: PrivateKey | undefined;
}

/** The keys that `saved` names, out of the vault. @throws `STATE_CORRUPT` when one is missing */
export async function loadKeys({ vault }: State, { device, signKeys, sealKeys }: SavedAccount): Promise<LoadedKeys> {
  const load = async (name: string | undefined) => {
    const key = name === undefined ? undefined : await vault.get(name);
    if (!key) throw new SealMQError('STATE_CORRUPT', 'a private key is missing from the key vault');
    return key;
  };
  const pair = async (signKey: string, i: number) => ({
    id: device,
    signKey: await load(signKey),
    sealKey: await load(sealKeys[i]),
  });
  return { keys: await Promise.all(signKeys.map(pair)), identityKey: await vault.get(IDENTITY) };
}

/** Puts a device's keys into the vault, named by their thumbprints. */
export async function keepKeys({ vault }: State, provider: CryptoProvider, { signKey, sealKey }: DeviceKeys) {
  const name = async (kind: string, key: PrivateKey) =>
    `${kind}/${toBase64url(await run(keyThumbprint(provider, key.publicKey)))}`;
  const names = { signKey: await name('sign', signKey), sealKey: await name('seal', sealKey) };
  await vault.put(names.signKey, signKey);
  await vault.put(names.sealKey, sealKey);
  return names;
}

/** What is kept of an account that is new in its store. */
export function newlySaved(
  { identityKey, device, record }: Omit<Account, 'identityKey'> & Partial<Account>,
  { signKey, sealKey }: Awaited<ReturnType<typeof keepKeys>>,
  { deviceName, stream }: NewAccount,
  clientId: string,
): SavedAccount {
  return {
    address: record.address,
    device: device.id,
    ...(deviceName !== undefined && { deviceName }),
    signKeys: [signKey],
    sealKeys: [sealKey],
    record: record.bytes,
    registered: false,
    ...(!identityKey && { linking: true }),
    clientId,
    stream,
  };
}

/** The operation that keeps `saved`. */
export function putSaved(saved: SavedAccount): StoreOperation {
  return {
    type: 'put',
    key: ACCOUNT_KEY,
    value: encodeCbor(toMap({ ...saved } as Record<string, CborValue | undefined>)),
  };
}

/** Reads what {@link putSaved} wrote. @throws `STATE_CORRUPT` */
export function readSaved(bytes: Uint8Array): SavedAccount {
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'account');
  const isName = isText(128);
  return present({
    address: fields.required('address', isName),
    device: fields.required('device', isName),
    deviceName: fields.optional('deviceName', isName),
    signKeys: fields.required('signKeys', isArrayOf(isName, 1024)),
    sealKeys: fields.required('sealKeys', isArrayOf(isName, 1024)),
    record: fields.required('record', isBytes),
    pending: fields.optional('pending', isBytes),
    registered: fields.required('registered', isFlag),
    linking: fields.optional('linking', isFlag),
    announced: fields.optional('announced', isCounter),
    clientId: fields.required('clientId', isName),
    stream: fields.required('stream', isCounter),
  });
}

/** Of a device's key pairs the one that `record` has as active, else the newest. */
export function currentKeys(keys: readonly DeviceKeys[], record: KeyRecord): DeviceKeys {
  return keys.find((pair) => hasKeys(record, pair, isCurrent)) ?? (keys[0] as DeviceKeys);
}

/**
 * Of a device's key pairs the oldest that still verifies: who has a record of ours from its time on knows it. With it a device
 * tells of the keys that took its place, since people without a directory know no others.
 */
export function oldestKeys(keys: readonly DeviceKeys[], record: KeyRecord, now: number): DeviceKeys | undefined {
  return keys.findLast((pair) => hasKeys(record, pair, (entry) => deviceStanding(entry, now) === 'good'));
}

/** Whether an entry of `record` that passes `stands` has the signing key of `pair`. */
function hasKeys({ devices }: KeyRecord, { signKey }: DeviceKeys, stands: (entry: DeviceEntry) => boolean): boolean {
  const key = encodePublicKey(signKey.publicKey);
  return devices.some((entry) => stands(entry) && equal(encodePublicKey(entry.signKey), key));
}

/** A new account must not take the place of one that a damaged store has lost. @throws `STATE_CORRUPT` */
export async function assertNoAccount({ vault, marker }: State): Promise<undefined> {
  if ((await vault.get(IDENTITY)) === undefined && !(await marker?.isSet())) return undefined;
  throw new SealMQError('STATE_CORRUPT', 'an account was kept in this store, and the store has lost it');
}

/** Remembers that there is an account. After a kill in between, and for one of an earlier release, the next opening does. */
export async function markAccount({ marker }: State): Promise<void> {
  if (marker && !(await marker.isSet())) await marker.set();
}
