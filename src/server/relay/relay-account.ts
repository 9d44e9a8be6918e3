import { unwrapWithPassphrase, wrapWithPassphrase } from '../../adapters/store/passphrase.js';
import { type CborMap, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytes, isBytesOf, isMap, isText, readFields, toMap } from '../../bytes/fields.js';
import type { CryptoProvider, KeyAlgorithm, PrivateKey } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { keyManagementAlgorithms, signatureAlgorithms } from '../../crypto/suites.js';
import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import {
  type Account,
  createRelayAccount,
  nextRecord,
  RECORD_LIFETIME,
  verifyRelayRecord,
} from '../../protocol/identity/index.js';
import { generateVapidKeys, type VapidKeys } from './push/vapid.js';

/** The keys of a relay in a file, and the passphrase that opens it. */
export interface RelayKeysFile {
  readonly file: Uint8Array;
  readonly passphrase: string;
}

/** What a relay is known by. */
export interface RelayAccount extends Account {
  /** Towards push services, where it wakes people. */
  readonly vapid?: VapidKeys;
}

const STORED = 'relay/account';
const PURPOSE = 'sealmq/1 relay keys';

/**
 * The relay's account in `store`; the first opening makes one, or takes the one in `keys`. Its record is renewed when half of
 * its life is over, and when the key for push services is new.
 *
 * @param now - seconds
 * @param wakes - whether it is to have a key for push services
 * @throws `STATE_CORRUPT`, `STATE_WRONG_PASSPHRASE`, `STATE_NEWER_SCHEMA`
 */
export async function openRelayAccount(
  store: Store,
  provider: CryptoProvider,
  now: number,
  keys: RelayKeysFile | undefined,
  wakes: boolean,
): Promise<RelayAccount> {
  const stored = await store.get(STORED);
  if (stored) return renewed(store, provider, await decodeAccount(provider, stored), now, wakes);
  const account = keys
    ? await decodeAccount(provider, await unwrapWithPassphrase(provider, keys.file, keys.passphrase, PURPOSE))
    : await run(createRelayAccount(provider, { now }));
  await keep(store, provider, account);
  return renewed(store, provider, account, now, wakes);
}

/**
 * The keys under a passphrase, for further instances of this relay: hand-ins are sealed to one set of keys.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for an empty passphrase
 */
export async function exportRelayKeys(
  provider: CryptoProvider,
  account: RelayAccount,
  passphrase: string,
): Promise<Uint8Array> {
  return wrapWithPassphrase(provider, await encodeAccount(provider, account), passphrase, PURPOSE);
}

async function renewed(
  store: Store,
  provider: CryptoProvider,
  account: RelayAccount,
  now: number,
  wakes: boolean,
): Promise<RelayAccount> {
  const { identityKey, record } = account;
  const vapid = account.vapid ?? (wakes ? generateVapidKeys() : undefined);
  if (vapid === account.vapid && now < record.expiresAt - RECORD_LIFETIME / 2) return account;
  const signed = nextRecord(provider, identityKey, record, (devices) => devices, now, vapid?.publicKey);
  const next = { ...account, ...(vapid && { vapid }), record: await run(signed) };
  await keep(store, provider, next);
  return next;
}

async function keep(store: Store, provider: CryptoProvider, account: RelayAccount): Promise<void> {
  const value = await encodeAccount(provider, account);
  await store.batch([{ type: 'put', key: STORED, value }], { sync: true });
}

async function encodeAccount(provider: CryptoProvider, account: RelayAccount): Promise<Uint8Array> {
  const { identityKey, device, record, vapid } = account;
  const key = async (one: PrivateKey) => toMap({ algorithm: one.algorithm, key: await provider.exportPrivateKey(one) });
  return encodeCbor(
    toMap({
      version: 1,
      identityKey: await key(identityKey),
      device: device.id,
      signKey: await key(device.signKey),
      sealKey: await key(device.sealKey),
      record: record.bytes,
      vapid: vapid && toMap({ ...vapid }),
    }),
  );
}

async function decodeAccount(provider: CryptoProvider, bytes: Uint8Array): Promise<RelayAccount> {
  const content = decodeCbor(bytes);
  const fields = readFields(content, 'STATE_CORRUPT', 'relay account');
  if ((content as CborMap).get('version') !== 1) {
    throw new SealMQError('STATE_NEWER_SCHEMA', 'a newer release of SealMQ wrote the keys of this relay');
  }
  const key = (name: string) => decodeKey(provider, fields.required(name, isMap));
  const vapid = fields.optional('vapid', isMap);
  return {
    identityKey: await key('identityKey'),
    device: { id: fields.required('device', isText(32)), signKey: await key('signKey'), sealKey: await key('sealKey') },
    record: await run(verifyRelayRecord(provider, fields.required('record', isBytes))),
    ...(vapid && { vapid: readVapid(vapid) }),
  };
}

function readVapid(map: CborMap): VapidKeys {
  const fields = readFields(map, 'STATE_CORRUPT', 'key for push services');
  return {
    publicKey: fields.required('publicKey', isBytesOf(65)),
    privateKey: fields.required('privateKey', isBytesOf(32)),
  };
}

async function decodeKey(provider: CryptoProvider, map: CborMap): Promise<PrivateKey> {
  const fields = readFields(map, 'STATE_CORRUPT', 'key of a relay');
  const name = fields.required('algorithm', isText(32));
  const known = [...signatureAlgorithms, ...keyManagementAlgorithms].find((row) => row.name === name)?.name;
  if (!known) throw new SealMQError('STATE_CORRUPT', 'malformed key of a relay: algorithm');
  return provider.importPrivateKey(known as KeyAlgorithm, fields.required('key', isBytes));
}
