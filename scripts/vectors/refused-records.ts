import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import type { ErrorCode } from '../../src/errors.js';
import { deviceMap } from '../../src/protocol/identity/device.js';
import { type Purpose, sign } from '../../src/protocol/signed.js';
import { flipped, patched } from './forge.js';
import { key } from './keys.js';
import { entry, type RecordCase } from './records.js';
import { NOW } from './sealed.js';
import type { Vectors } from './types.js';

type Change = readonly (readonly [string, CborValue | undefined])[];

/** Records that do not verify by themselves. */
export function refusedRecords(cases: readonly RecordCase[]): Vectors['refusedRecords'] {
  const good = cases.find(({ name }) => name === 'alice-1')?.record;
  if (!good) throw new RangeError('no such record');
  const payload = decodeSign1(good.bytes).payload;
  const content = decodeCbor(payload ?? new Uint8Array(0)) as CborMap;
  const devices = content.get('devices') as CborValue[];
  const signed = (map: CborMap, purpose: Purpose = 'record', signer = 'alice.identity') =>
    atOnce(run(sign(nativeProvider(), key(signer), { purpose, payload: encodeCbor(map) })));
  const changed = (change: Change) => signed(patched(content, new Map(change)));
  const changedDevice = (change: Change) => {
    const [first, ...others] = devices;
    return changed([['devices', [patched(first as CborMap, new Map(change)), ...others]]]);
  };
  const forBob = deviceMap(
    entry('alicephonealicep', ['alice'], ['bob', 'alice.identity'], { notBefore: NOW, name: 'phone' }),
  );
  const twice = deviceMap(entry('alicespareaaaaaa', ['alice'], ['alice', 'alice.identity'], { notBefore: NOW }));
  const cut = good.bytes.subarray(0, -1);
  const detached = atOnce(
    run(
      sign(nativeProvider(), key('alice.identity'), {
        purpose: 'record',
        payload: encodeCbor(content),
        detached: true,
      }),
    ),
  );
  const list: [name: string, about: string, record: Uint8Array, code: ErrorCode][] = [
    ['truncated', 'The last byte is missing.', cut, 'DECODE_CBOR'],
    ['signature-tampered', 'One bit of the signature.', flipped(good.bytes, -1), 'VERIFY_SIGNATURE'],
    [
      'signed-by-another',
      'Signed by another key than the identity key.',
      signed(content, 'record', 'mallory.sign'),
      'VERIFY_SIGNATURE',
    ],
    ['other-purpose', 'Signed for the purpose card.', signed(content, 'card'), 'VERIFY_SIGNATURE'],
    ['detached', 'No payload.', detached, 'DECODE_RECORD'],
    ['no-address', 'No address.', changed([['address', undefined]]), 'DECODE_RECORD'],
    ['reserved-address', 'A reserved address.', changed([['address', 'relay']]), 'DECODE_RECORD'],
    ['version-zero', 'Version 0.', changed([['version', 0]]), 'DECODE_RECORD'],
    ['first-with-previous', 'Version 1 with previous.', changed([['previous', new Uint8Array(32)]]), 'DECODE_RECORD'],
    ['second-without-previous', 'Version 2 without previous.', changed([['version', 2]]), 'DECODE_RECORD'],
    ['no-devices', 'No device.', changed([['devices', []]]), 'DECODE_RECORD'],
    [
      '65-devices',
      'One device too many.',
      changed([['devices', Array.from({ length: 65 }, () => 0)]]),
      'DECODE_RECORD',
    ],
    ['bad-device-id', 'A device id in upper case.', changedDevice([['id', 'ALICEPHONEALICEP']]), 'DECODE_RECORD'],
    [
      'other-device-id',
      'A device id that its proof does not cover.',
      changedDevice([['id', 'aaaaaaaaaaaaaaaa']]),
      'VERIFY_SIGNATURE',
    ],
    ['proof-for-another-address', 'A proof for another address.', changed([['devices', [forBob]]]), 'VERIFY_SIGNATURE'],
    ['key-twice', 'One key under two device ids.', changed([['devices', [...devices, twice]]]), 'DECODE_RECORD'],
    ['no-identity-key', 'No identity key.', changed([['identityKey', undefined]]), 'DECODE_RECORD'],
    [
      'identity-key-with-alg',
      'A COSE_Key with a parameter too many.',
      changed([['identityKey', patched(content.get('identityKey') as CborMap, new Map([[3, -19]]))]]),
      'DECODE_KEY',
    ],
  ];
  return list.map(([name, about, record, code]) => ({ name, about, record: toHex(record), code }));
}
