import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import type { PublicKey } from '../../src/cose/key.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run, type Steps } from '../../src/crypto/steps.js';
import { RECORD_LIFETIME, revokeDevice, rotateDevice } from '../../src/protocol/identity/account.js';
import { compareRecords, vouchForIdentity } from '../../src/protocol/identity/chain.js';
import { type DeviceEntry, type DeviceKeys, enterDevice } from '../../src/protocol/identity/device.js';
import { type KeyRecord, type RecordContent, signRecord, verifyRecord } from '../../src/protocol/identity/record.js';
import { sign } from '../../src/protocol/signed.js';
import { fixedProvider } from './fixed-provider.js';
import { patched } from './forge.js';
import { key, nameOf, thumbprintOf } from './keys.js';
import { NOW } from './sealed.js';
import type { RecordVector, Vectors } from './types.js';

const DAY = 24 * 3600;
const SUITES = ['X25519-Ed25519', 'P256-ESP256', 'RSA3072-PS256'];

/** The records by name; `about` says what each shows. */
export interface RecordCase {
  readonly name: string;
  readonly about: string;
  readonly record: KeyRecord;
}

/** Runs a step of the identity protocol with everything random fixed. */
function fixed<T>(label: string, steps: (provider: ReturnType<typeof fixedProvider>['provider']) => Steps<T>): T {
  return atOnce(run(steps(fixedProvider(label).provider)));
}

type Account = readonly [address: string, identity: string];
type EntryDetails = { readonly notBefore: number; readonly name?: string };

/** An entry for the keys `<owner>.sign<suffix>` and `<owner>.seal<suffix>`, bound to an address and identity key. */
function entry(
  id: string,
  [owner, suffix = '']: readonly [owner: string, suffix?: string],
  account: Account,
  details: EntryDetails,
): DeviceEntry {
  return entryOf(id, [`${owner}.sign${suffix}`, `${owner}.seal${suffix}`], account, details);
}

/** An entry for two keys, bound to an address and identity key. */
export function entryOf(
  id: string,
  [signKey, sealKey]: readonly [signKey: string, sealKey: string],
  account: Account,
  details: EntryDetails,
): DeviceEntry {
  return entryFor({ id, signKey: key(signKey), sealKey: key(sealKey) }, account, details);
}

function entryFor(keys: DeviceKeys, [address, identity]: Account, details: EntryDetails): DeviceEntry {
  const context = { address, identity: thumbprintOf(identity) };
  // Only PSS draws something for a proof: its salt depends on the key.
  const owner = nameOf(keys.signKey.publicKey).replace('.sign', '');
  return fixed(`proof/${owner}/${identity}`, (provider) => enterDevice(provider, keys, context, details));
}

function record(name: string, about: string, identity: string, content: Partial<RecordContent>): RecordCase {
  const complete: RecordContent = {
    address: '',
    version: 1,
    issuedAt: NOW,
    expiresAt: NOW + RECORD_LIFETIME,
    identityKey: key(identity).publicKey,
    capabilities: { profiles: ['sealmq/1'], suites: SUITES },
    devices: [],
    ...content,
  };
  return { name, about, record: fixed(`record/${name}`, (provider) => signRecord(provider, key(identity), complete)) };
}

/** All records that verify. */
export function recordCases(): RecordCase[] {
  const alice = ['alice', 'alice.identity'] as const;
  const phone = entry('alicephonealicep', ['alice'], alice, { notBefore: NOW - 30 * DAY, name: 'phone' });
  const tablet = entry('alicetabletalice', ['alice.tablet'], alice, { notBefore: NOW - 30 * DAY, name: 'tablet' });
  const first = record('alice-1', 'Version 1, suite X25519-Ed25519: two devices.', 'alice.identity', {
    ...{ address: 'alice', issuedAt: NOW - 30 * DAY, expiresAt: NOW - 30 * DAY + RECORD_LIFETIME },
    devices: [phone, tablet],
  });
  const rotated = entry('alicephonealicep', ['alice', '.2'], alice, { notBefore: NOW, name: 'phone' });
  const second = record(
    'alice-2',
    'Version 2: the phone has rotated its keys (the old ones are retired), the tablet is revoked.',
    'alice.identity',
    {
      ...{ address: 'alice', version: 2, previous: first.record.hash },
      devices: revokeDevice(tablet.id, NOW)(rotateDevice(rotated, NOW)(first.record.devices)),
    },
  );
  return [first, second, ...successors(second.record), ...otherSuites(), ...odd(first.record)];
}

/** Records that follow version 2 of alice, or do not. */
function successors(second: KeyRecord): RecordCase[] {
  const next = { address: 'alice', version: 3, issuedAt: NOW + DAY, expiresAt: NOW + DAY + RECORD_LIFETIME };
  const moved = ['alice', 'alice.identity.2'] as const;
  const phone = entry('alicephonealicep', ['alice', '.2'], moved, { notBefore: NOW, name: 'phone' });
  const vouch = fixed('identity-change', (provider) =>
    vouchForIdentity(provider, key('alice.identity'), 'alice', key('alice.identity.2').publicKey),
  );
  const chained = { ...next, previous: second.hash };
  return [
    record(
      'alice-3-new-identity',
      'Version 3 by a new identity key that the old one vouches for.',
      'alice.identity.2',
      {
        ...{ ...chained, devices: [phone], identityChange: vouch },
      },
    ),
    record('alice-3-unvouched', 'Version 3 by a new identity key that nobody vouches for.', 'alice.identity.2', {
      ...{ ...chained, devices: [phone] },
    }),
    record('alice-3-unchained', 'Version 3 with a hash that is not that of version 2.', 'alice.identity', {
      ...{ ...next, previous: new Uint8Array(32), devices: second.devices },
    }),
    record('alice-3-downgrade', 'Version 3 that drops two suites.', 'alice.identity', {
      ...{ ...chained, devices: second.devices, capabilities: { profiles: ['sealmq/1'], suites: SUITES.slice(0, 1) } },
    }),
  ];
}

function otherSuites(): RecordCase[] {
  const bob = ['bob', 'bob.identity'] as const;
  const dated = { notBefore: NOW };
  return [
    record('bob', 'Three devices, each of another suite.', 'bob.identity', {
      address: 'bob',
      devices: [
        entry('bobphonebobphone', ['bob.phone'], bob, { ...dated, name: 'phone' }),
        entry('boblaptopboblapt', ['bob.laptop'], bob, { ...dated, name: 'laptop' }),
        entry('bobgatewaybobgat', ['bob.gateway'], bob, dated),
      ],
    }),
    record('carol', 'Suite P256-ESP256.', 'carol.identity', {
      address: 'carol',
      devices: [entry('caroldevicecarol', ['carol'], ['carol', 'carol.identity'], dated)],
    }),
    record('dave', 'Suite RSA3072-PS256.', 'dave.identity', {
      address: 'dave',
      devices: [entry('davedevicedavede', ['dave'], ['dave', 'dave.identity'], dated)],
    }),
  ];
}

/** Records that verify, although no writer of this version makes them. */
function odd(first: KeyRecord): RecordCase[] {
  const carol = ['carol', 'carol.identity'] as const;
  const sealKey = key('carol.seal');
  const offCurve = { ...sealKey.publicKey, y: new Uint8Array(32) } as PublicKey;
  const keys = { id: 'caroldevicecarol', signKey: key('carol.sign'), sealKey: { ...sealKey, publicKey: offCurve } };
  const unknown = new Map<number | string, CborValue>([
    ['note', null],
    [99, [true]],
  ]);
  const content = decodeCbor(decodeSign1(first.bytes).payload ?? new Uint8Array(0)) as CborMap;
  const devices = (content.get('devices') as CborMap[]).map((device) => patched(device, unknown));
  const payload = encodeCbor(new Map([...patched(content, unknown), ['devices', devices]]));
  const bytes = fixed('record/unknown-keys', (provider) =>
    sign(provider, key('alice.identity'), { purpose: 'record', payload }),
  );
  return [
    record('carol-off-curve', 'A sealing key that is no point of its curve: found out when it is used.', carol[1], {
      ...{ address: 'carol', devices: [entryFor(keys, carol, { notBefore: NOW })] },
    }),
    {
      ...{ name: 'alice-unknown-keys', about: 'Keys that nobody knows, text and an integer, in record and devices.' },
      record: fixed('record/unknown-keys', (provider) => verifyRecord(provider, bytes)),
    },
  ];
}

/** The records as vectors. */
export function recordVectors(cases: readonly RecordCase[]): RecordVector[] {
  return cases.map(({ name, about, record: { address, version, identityKey, bytes, hash } }) => ({
    ...{ name, about, address, version, identityKey: nameOf(identityKey) },
    payload: toHex(decodeSign1(bytes).payload ?? new Uint8Array(0)),
    record: toHex(bytes),
    hash: toHex(hash),
  }));
}

const PAIRS: [known: string, next: string][] = [
  ['alice-1', 'alice-1'],
  ['alice-1', 'alice-2'],
  ['alice-2', 'alice-1'],
  ['alice-1', 'alice-3-downgrade'],
  ['alice-2', 'alice-3-downgrade'],
  ['alice-2', 'alice-3-unchained'],
  ['alice-3-downgrade', 'alice-3-unchained'],
  ['alice-2', 'alice-3-new-identity'],
  ['alice-2', 'alice-3-unvouched'],
  ['alice-3-new-identity', 'alice-2'],
  ['alice-1', 'bob'],
];

/** How some records follow others. */
export function successions(cases: readonly RecordCase[]): Vectors['successions'] {
  const named = (name: string) => cases.find((one) => one.name === name)?.record;
  return PAIRS.map(([known, next]) => {
    const [before, after] = [named(known), named(next)];
    if (!before || !after) throw new RangeError('no such record');
    const { kind, ...details } = atOnce(run(compareRecords(nativeProvider(), before, after)));
    return { known, next, expect: kind, ...details };
  });
}
