import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { decodeSign1, encodeSign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import type { ErrorCode } from '../../src/errors.js';
import { deviceMap } from '../../src/protocol/identity/device.js';
import type { KeyRecord } from '../../src/protocol/identity/record.js';
import { type Purpose, sign } from '../../src/protocol/signed.js';
import { flipped, patched } from './forge.js';
import { key } from './keys.js';
import { entry, type RecordCase } from './records.js';
import { NOW } from './sealed.js';
import type { Vectors } from './types.js';

type Change = readonly [name: string, value: CborValue | undefined];
type Cases = readonly (readonly [name: string, about: string, record: Uint8Array])[];

/** Records that do not verify by themselves. */
export function refusedRecords(cases: readonly RecordCase[]): Vectors['refusedRecords'] {
  const good = cases.find(({ name }) => name === 'alice-1')?.record;
  if (!good) throw new RangeError('no such record');
  const withGarbage = signed(patched(contentOf(good), new Map([['identityChange', Uint8Array.of(0xff)]])));
  const lists: Partial<Record<ErrorCode, Cases>> = {
    DECODE_CBOR: [
      ['truncated', 'The last byte is missing.', good.bytes.subarray(0, -1)],
      ['identity-change-malformed', 'An identityChange that is no CBOR.', withGarbage],
    ],
    ...misshapen(good),
    ...unsigned(good),
  };
  return Object.entries(lists).flatMap(([code, list]) =>
    list.map(([name, about, record]) => ({ name, about, record: toHex(record), code: code as ErrorCode })),
  );
}

function contentOf({ bytes }: KeyRecord): CborMap {
  return decodeCbor(decodeSign1(bytes).payload ?? new Uint8Array(0)) as CborMap;
}

function signed(content: CborMap, { purpose = 'record', signer = 'alice.identity', detached = false } = {}) {
  const draft = { purpose: purpose as Purpose, payload: encodeCbor(content), detached };
  return atOnce(run(sign(nativeProvider(), key(signer), draft)));
}

function withDevice(content: CborMap, ...changes: Change[]): Uint8Array {
  const [first, ...others] = content.get('devices') as CborMap[];
  const devices = [patched(first ?? new Map(), new Map(changes)), ...others];
  return signed(patched(content, new Map([['devices', devices]])));
}

function misshapen(good: KeyRecord): Partial<Record<ErrorCode, Cases>> {
  const content = contentOf(good);
  const changed = (...changes: Change[]) => signed(patched(content, new Map(changes)));
  const spare = entry('alicespareaaaaaa', ['alice'], ['alice', 'alice.identity'], { notBefore: NOW });
  const twice = [...(content.get('devices') as CborValue[]), deviceMap(spare)];
  const unprotected = encodeSign1({ ...decodeSign1(good.bytes), unprotectedHeader: new Map([[99, true]]) });
  const withAlg = patched(content.get('identityKey') as CborMap, new Map([[3, -19]]));
  return {
    DECODE_RECORD: [
      ['detached', 'No payload.', signed(content, { detached: true })],
      ['unprotected-header', 'An unprotected header, which the signature does not cover.', unprotected],
      ['no-address', 'No address.', changed(['address', undefined])],
      ['reserved-address', 'A reserved address.', changed(['address', 'relay'])],
      ['version-zero', 'Version 0.', changed(['version', 0])],
      ['first-with-previous', 'Version 1 with previous.', changed(['previous', new Uint8Array(32)])],
      ['second-without-previous', 'Version 2 without previous.', changed(['version', 2])],
      ['no-devices', 'No device.', changed(['devices', []])],
      ['65-devices', 'One device too many.', changed(['devices', Array.from({ length: 65 }, () => 0)])],
      ['bad-device-id', 'A device id in upper case.', withDevice(content, ['id', 'ALICEPHONEALICEP'])],
      ['key-twice', 'One key under two device ids.', changed(['devices', twice])],
      ['no-identity-key', 'No identity key.', changed(['identityKey', undefined])],
    ],
    DECODE_KEY: [['identity-key-with-alg', 'A COSE_Key with a parameter too many.', changed(['identityKey', withAlg])]],
  };
}

function unsigned(good: KeyRecord): Partial<Record<ErrorCode, Cases>> {
  const content = contentOf(good);
  const forBob = entry('alicephonealicep', ['alice'], ['bob', 'alice.identity'], { notBefore: NOW });
  const byMallory = signed(content, { signer: 'mallory.sign' });
  const otherProof = signed(patched(content, new Map([['devices', [deviceMap(forBob)]]])));
  return {
    VERIFY_SIGNATURE: [
      ['signature-tampered', 'One bit of the signature.', flipped(good.bytes, -1)],
      ['signed-by-another', 'Signed by another key than the identity key.', byMallory],
      ['other-purpose', 'Signed for the purpose card.', signed(content, { purpose: 'card' })],
      [
        'other-device-id',
        'A device id that its proof does not cover.',
        withDevice(content, ['id', 'aaaaaaaaaaaaaaaa']),
      ],
      ['proof-for-another-address', 'A proof for another address.', otherProof],
    ],
  };
}
