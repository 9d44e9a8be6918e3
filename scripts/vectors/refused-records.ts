import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { publicKeyMap } from '../../src/cose/key.js';
import { decodeSign1, encodeSign1, prepareSign1, sigStructure } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import type { ErrorCode } from '../../src/errors.js';
import { deviceMap } from '../../src/protocol/identity/device.js';
import type { KeyRecord } from '../../src/protocol/identity/record.js';
import { type Purpose, sign } from '../../src/protocol/signed.js';
import { fixedProvider } from './fixed-provider.js';
import { flipped, patched, withOtherS } from './forge.js';
import { key, thumbprintOf } from './keys.js';
import { entryOf, type RecordCase } from './records.js';
import { NOW } from './sealed.js';
import type { RefusedRecordVector, Vectors } from './types.js';

type Change = readonly [name: string, value: CborValue | undefined];
type Cases = readonly (readonly [name: string, about: string, record: Uint8Array])[];

/** Records that do not verify by themselves. */
export function refusedRecords(cases: readonly RecordCase[]): Vectors['refusedRecords'] {
  const named = (wanted: string) => {
    const found = cases.find(({ name }) => name === wanted)?.record;
    if (!found) throw new RangeError('no such record');
    return found;
  };
  const [good, carol] = [named('alice-1'), named('carol')];
  const withGarbage = signed(patched(contentOf(good), new Map([['identityChange', Uint8Array.of(0xff)]])));
  const cut: Cases = [
    ['truncated', 'The last byte is missing.', good.bytes.subarray(0, -1)],
    ['identity-change-malformed', 'An identityChange that is no CBOR.', withGarbage],
  ];
  const keyWithAlg: Cases = [
    ['identity-key-with-alg', 'A COSE_Key with a parameter too many.', withIdentityKey(good, [3, -19])],
  ];
  return [
    ...vectors('DECODE_CBOR', cut),
    ...vectors('DECODE_RECORD', [...misshapen(good), ...oddKeys(good, carol)]),
    ...vectors('DECODE_KEY', keyWithAlg),
    ...vectors('VERIFY_SIGNATURE', [...unsigned(good), ...unnamed(good), ...oddProofs(good), ...highS(carol)]),
  ];
}

function vectors(code: ErrorCode, cases: Cases): RefusedRecordVector[] {
  const kind = code === 'VERIFY_SIGNATURE' ? 'unverifiable' : 'malformed';
  return cases.map(([name, about, record]) => ({ name, about, record: toHex(record), kind, code }));
}

function contentOf({ bytes }: KeyRecord): CborMap {
  return decodeCbor(decodeSign1(bytes).payload ?? new Uint8Array(0)) as CborMap;
}

function signed(content: CborMap, { purpose = 'record', signer = 'alice.identity', detached = false } = {}) {
  const draft = { purpose: purpose as Purpose, payload: encodeCbor(content), detached };
  return atOnce(run(sign(fixedProvider(`refused/${signer}`).provider, key(signer), draft)));
}

function withDevice(content: CborMap, ...changes: Change[]): Uint8Array {
  const [first, ...others] = content.get('devices') as CborMap[];
  const devices = [patched(first ?? new Map(), new Map(changes)), ...others];
  return signed(patched(content, new Map([['devices', devices]])));
}

function withIdentityKey(good: KeyRecord, ...change: [number, CborValue][]): Uint8Array {
  const content = contentOf(good);
  const identityKey = patched(content.get('identityKey') as CborMap, new Map(change));
  return signed(patched(content, new Map([['identityKey', identityKey]])));
}

function misshapen(good: KeyRecord): Cases {
  const content = contentOf(good);
  const changed = (...changes: Change[]) => signed(patched(content, new Map(changes)));
  const unprotected = encodeSign1({ ...decodeSign1(good.bytes), unprotectedHeader: new Map([[99, true]]) });
  return [
    ['detached', 'No payload.', signed(content, { detached: true })],
    ['unprotected-header', 'An unprotected header, which the signature does not cover.', unprotected],
    ['no-address', 'No address.', changed(['address', undefined])],
    ['reserved-address', 'A reserved address.', changed(['address', 'relay'])],
    ['version-zero', 'Version 0.', changed(['version', 0])],
    ['version-true', 'true as version.', changed(['version', true])],
    ['first-with-previous', 'Version 1 with previous.', changed(['previous', new Uint8Array(32)])],
    ['second-without-previous', 'Version 2 without previous.', changed(['version', 2])],
    ['no-devices', 'No device.', changed(['devices', []])],
    ['65-devices', 'One device too many.', changed(['devices', Array.from({ length: 65 }, () => 0)])],
    ['bad-device-id', 'A device id in upper case.', withDevice(content, ['id', 'ALICEPHONEALICEP'])],
    ['no-identity-key', 'No identity key.', changed(['identityKey', undefined])],
  ];
}

const ALICE = ['alice', 'alice.identity'] as const;

/** Keys that are of the wrong kind, or stand in two places; every signature is valid. */
function oddKeys(good: KeyRecord, carol: KeyRecord): Cases {
  const content = contentOf(good);
  const devices = content.get('devices') as CborValue[];
  const withDevices = (...list: CborValue[]) => signed(patched(content, new Map([['devices', list]])));
  const added = (signKey: string, sealKey: string) =>
    withDevices(...devices, deviceMap(entryOf('alicespareaaaaaa', [signKey, sealKey], ALICE, { notBefore: NOW })));
  const one = entryOf('caroldevicecarol', ['carol.sign', 'carol.sign'], ['carol', 'carol.identity'], {
    notBefore: NOW,
  });
  const signsAndSeals = patched(contentOf(carol), new Map([['devices', [deviceMap(one)]]]));
  return [
    [
      'id-twice',
      'One id for two devices.',
      withDevices(
        ...devices,
        deviceMap(entryOf('alicephonealicep', ['mallory.sign', 'mallory.seal'], ALICE, { notBefore: NOW })),
      ),
    ],
    ['key-twice', 'One device key pair under two device ids.', added('alice.sign', 'alice.seal')],
    ['sealing-key-twice', 'One sealing key under two device ids.', added('mallory.sign', 'alice.seal')],
    ['identity-key-of-a-device', 'The identity key as signing key.', added('alice.identity', 'mallory.seal')],
    [
      'signs-and-seals',
      'One P-256 key as signing and sealing key of a device.',
      signed(signsAndSeals, { signer: 'carol.identity' }),
    ],
    ['sealing-key-ed25519', 'An Ed25519 key as sealing key.', added('mallory.sign', 'alice.sign.2')],
    [
      'signing-key-x25519',
      'An X25519 key as signing key.',
      withDevice(content, ['signKey', publicKeyMap(key('mallory.seal').publicKey)]),
    ],
  ];
}

function unsigned(good: KeyRecord): Cases {
  const content = contentOf(good);
  const forBob = entryOf('alicephonealicep', ['alice.sign', 'alice.seal'], ['bob', 'alice.identity'], {
    notBefore: NOW,
  });
  const byMallory = signed(content, { signer: 'mallory.sign' });
  const otherProof = signed(patched(content, new Map([['devices', [deviceMap(forBob)]]])));
  return [
    ['signature-tampered', 'One bit of the signature.', flipped(good.bytes, -1)],
    ['signed-by-another', 'Signed by another key than the identity key.', byMallory],
    ['other-purpose', 'Signed for the purpose card.', signed(content, { purpose: 'card' })],
    ['other-device-id', 'A device id that its proof does not cover.', withDevice(content, ['id', 'aaaaaaaaaaaaaaaa'])],
    ['proof-for-another-address', 'A proof for another address.', otherProof],
    [
      'identity-key-x25519',
      'An X25519 key as identity key: nothing can be signed by it.',
      withIdentityKey(good, [-1, 4]),
    ],
  ];
}

/** A Sign1 for `purpose` whose header is given. */
function signedUnder(header: CborMap, payload: Uint8Array, purpose: Purpose, signer: string): Uint8Array {
  const prepared = prepareSign1(header, payload);
  const toBeSigned = sigStructure(prepared.protectedBytes, encodeCbor(['sealmq/1 sign', purpose]), payload);
  return encodeSign1({ ...prepared, signature: atOnce(nativeProvider().sign(key(signer), toBeSigned)) });
}

/** A signature that does not name its algorithm or its key is none. */
function unnamed(good: KeyRecord): Cases {
  const payload = encodeCbor(contentOf(good));
  const kid: [number, CborValue] = [4, thumbprintOf('alice.identity')];
  const under = (...header: [number, CborValue][]) => signedUnder(new Map(header), payload, 'record', 'alice.identity');
  return [
    ['no-alg', 'A signature without alg.', under(kid)],
    ['no-kid', 'A signature without kid.', under([1, -19])],
    ['alg-true', 'true as alg.', under([1, true], kid)],
    ['short-kid', 'A kid of 8 bytes.', under([1, -19], [4, thumbprintOf('alice.identity').slice(0, 8)])],
  ];
}

function oddProofs(good: KeyRecord): Cases {
  const content = contentOf(good);
  const [first] = good.devices;
  if (!first) throw new RangeError('a record without devices');
  const payload = encodeCbor(
    toMap({
      ...{ address: 'alice', identity: good.identity, id: first.id },
      ...{ signKey: publicKeyMap(first.signKey), sealKey: publicKeyMap(first.sealKey) },
    }),
  );
  const proof = decodeSign1(first.proof);
  const attached = encodeSign1({ ...proof, payload });
  const unnamedProof = decodeSign1(signedUnder(new Map([[1, -19]]), payload, 'device-proof', 'alice.sign'));
  return [
    [
      'proof-with-payload',
      'A proof that carries its payload, which is the right one.',
      withDevice(content, ['proof', attached]),
    ],
    [
      'proof-without-kid',
      'A proof without kid.',
      withDevice(content, ['proof', encodeSign1({ ...unnamedProof, payload: null })]),
    ],
  ];
}

/** n - s in place of s: the equation of ECDSA holds all the same. */
function highS(carol: KeyRecord): Cases {
  const record = decodeSign1(carol.bytes);
  const [device] = carol.devices;
  if (!device) throw new RangeError('a record without devices');
  const proof = decodeSign1(device.proof);
  const highProof = encodeSign1({ ...proof, signature: withOtherS(proof.signature) });
  const devices = [deviceMap({ ...device, proof: highProof })];
  return [
    [
      'high-s',
      'The signature of the record with n - s.',
      encodeSign1({ ...record, signature: withOtherS(record.signature) }),
    ],
    [
      'proof-high-s',
      'The signature of a proof with n - s.',
      signed(patched(contentOf(carol), new Map([['devices', devices]])), { signer: 'carol.identity' }),
    ],
  ];
}
