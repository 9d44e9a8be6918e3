import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { run, type Steps } from '../../src/crypto/steps.js';
import type { SuiteName } from '../../src/crypto/suites.js';
import {
  type Account,
  addDevice,
  createAccount,
  type DeviceEntry,
  type DeviceKeys,
  enterDevice,
  generateDeviceKeys,
  type KeyRecord,
  nextRecord,
  type RecordContent,
  type RecordEdit,
  signRecord,
} from '../../src/protocol/identity/index.js';
import { sign } from '../../src/protocol/signed.js';
import { native } from '../envelope/parties.js';
import { deepFreeze } from './deep-freeze.js';

/** Directory time of these tests, in seconds. */
export const NOW = 1_800_000_000;
export const DAY = 24 * 3600;

/** What a program answers on the synchronous backend. */
export function now<T>(steps: Steps<T>): T {
  const result = run(steps);
  if (result instanceof Promise) throw new TypeError('not synchronous');
  return result;
}

/** A new account, frozen. */
export function account(address = 'alice', suite?: SuiteName): Account {
  const options = suite === undefined ? { address, now: NOW } : { address, now: NOW, suite };
  return deepFreeze(now(createAccount(native, options)));
}

/** The next version of a record. */
export function next({ identityKey }: Account, record: KeyRecord, edit: RecordEdit, at = NOW): KeyRecord {
  return deepFreeze(now(nextRecord(native, identityKey, record, edit, at)));
}

/** A further device of an account: its keys, and its entry with proof. */
export function device(
  { record }: Account,
  { id, notBefore = NOW, suite = 'X25519-Ed25519' }: { id?: string; notBefore?: number; suite?: SuiteName } = {},
): { keys: DeviceKeys; entry: DeviceEntry } {
  const keys = now(generateDeviceKeys(native, suite, id === undefined ? {} : { id }));
  const { address, identity } = record;
  return { keys, entry: deepFreeze(now(enterDevice(native, keys, { address, identity }, { notBefore }))) };
}

/** The content of a record, to be altered and signed again. */
export function contentOf(record: KeyRecord): RecordContent {
  const { bytes: _, hash: _hash, identity: _identity, ...content } = record;
  return content;
}

/** Another record by the same identity key. */
export function resigned({ identityKey, record }: Account, changes: Partial<RecordContent>): KeyRecord {
  return now(signRecord(native, identityKey, { ...contentOf(record), ...changes }));
}

/** Adds a fresh device to the account. */
export function addDeviceOf(owner: Account): RecordEdit {
  return addDevice(device(owner).entry);
}

/** A record with its content edited, and a good signature over that. */
export function withContent(owner: Account, edit: (content: Map<number | string, CborValue>) => void): Uint8Array {
  const { payload } = decodeSign1(owner.record.bytes);
  const content = new Map(decodeCbor(payload ?? new Uint8Array(0)) as CborMap);
  edit(content);
  return now(sign(native, owner.identityKey, { purpose: 'record', payload: encodeCbor(content) }));
}
