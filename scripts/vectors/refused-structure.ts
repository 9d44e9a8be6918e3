import { concat } from '../../src/bytes/bytes.js';
import { type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { type Forge, filledHeader, opening, openings, patched } from './forge.js';
import type { OpeningVector } from './types.js';

const CBOR = { kind: 'malformed', code: 'DECODE_CBOR' } as const;
const COSE = { kind: 'malformed', code: 'DECODE_COSE' } as const;

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

/** What does not parse under the profile: refused before any key is touched. */
export function refusedStructures(forge: Forge): OpeningVector[] {
  return [...framing(forge), ...protectedHeaders(forge), ...unprotectedHeaders(forge), ...encodings(forge)];
}

function framing({ base, message }: Forge): OpeningVector[] {
  const good = message();
  const { ciphertext, recipientsBytes } = base.message;
  return [
    opening('empty', 'No bytes at all.', new Uint8Array(0), COSE),
    opening('truncated', 'The last byte is missing.', good.subarray(0, -1), CBOR),
    opening('trailing-byte', 'One byte behind the message.', concat(good, Uint8Array.of(0)), COSE),
    opening('untagged', 'COSE_Encrypt without tag 96.', good.subarray(2), COSE),
    opening('wrong-tag', 'Tag 16, COSE_Encrypt0.', concat(Uint8Array.of(0xd0), good.subarray(2)), COSE),
    opening('long-tag', 'Tag 96 not in shortest form.', concat(hex('d90060'), good.subarray(2)), COSE),
    opening(
      'detached-ciphertext',
      'nil in place of the ciphertext.',
      concat(
        good.subarray(0, good.length - recipientsBytes.length - ciphertext.length - 3),
        hex('f6'),
        recipientsBytes,
      ),
      COSE,
    ),
  ];
}

function protectedHeaders({ base, message }: Forge): OpeningVector[] {
  const changed = (...change: [number | string, CborValue | undefined][]) =>
    message({ protectedBytes: encodeCbor(patched(base.message.protectedHeader, new Map(change))) });
  return openings(COSE, [
    ['content-algorithm', 'alg 1 (A128GCM).', changed([1, 1])],
    ['no-content-algorithm', 'No alg.', changed([1, undefined])],
    ['wrong-typ', 'typ of something else.', changed([16, 'application/cose'])],
    ['no-typ', 'No typ.', changed([16, undefined])],
    ['no-protected-header', 'Empty protected header.', message({ protectedBytes: new Uint8Array(0) })],
    ['protected-empty-map', 'An encoded empty map as protected header.', message({ protectedBytes: hex('a0') })],
    ['protected-array', 'The protected header is no map.', message({ protectedBytes: hex('80') })],
    ['critical', 'crit names a label that nobody knows.', changed([2, [-70000]], [-70000, 1])],
    ['critical-known', 'crit is refused whatever it names.', changed([2, [16]])],
  ]);
}

function unprotectedHeaders({ base, message }: Forge): OpeningVector[] {
  const changed = (...change: [number | string, CborValue | undefined][]) =>
    message({ unprotected: encodeCbor(patched(base.message.unprotectedHeader, new Map(change))) });
  return openings(COSE, [
    ['critical-unprotected', 'crit in the unprotected header.', changed([2, [16]])],
    ['label-in-both', 'typ protected and unprotected.', changed([16, 'application/cose'])],
    ['header-1025', 'Outer headers of 1,025 bytes.', message({ unprotected: filledHeader(base, 1025) })],
    ['no-iv', 'No iv.', changed([5, undefined])],
    ['short-iv', 'iv of 11 bytes.', changed([5, new Uint8Array(11)])],
    ['partial-iv', 'A partial IV (label 6) in place of the iv.', changed([5, undefined], [6, hex('01')])],
  ]);
}

/** The unprotected header is not covered by the encryption: it takes every way to write CBOR that is not ours. */
function encodings({ base, message }: Forge): OpeningVector[] {
  const iv = base.encryption.iv;
  const ivEntry = concat(hex('054c'), iv);
  const withUnprotected = (bytes: Uint8Array) => message({ unprotected: bytes });
  const withUnknown = (value: string) => withUnprotected(concat(hex('a2'), ivEntry, hex(`1863${value}`)));
  const twoEntries = (second: Uint8Array) => withUnprotected(concat(hex('a2'), ivEntry, second));
  const typFirst = concat(hex('a2'), base.message.protectedBytes.subarray(3), hex('0103'));
  return openings(CBOR, [
    ['indefinite-map', 'A header of indefinite length.', withUnprotected(concat(hex('bf'), ivEntry, hex('ff')))],
    ['long-map-head', 'The head of a map not in shortest form.', withUnprotected(concat(hex('b801'), ivEntry))],
    ['long-label', 'A label not in shortest form.', withUnprotected(concat(hex('a118054c'), iv))],
    ['long-string-head', 'The head of a string not in shortest form.', withUnprotected(concat(hex('a105580c'), iv))],
    ['repeated-label', 'A label twice.', twoEntries(ivEntry)],
    ['unsorted-labels', 'Labels not in bytewise order.', withUnprotected(concat(hex('a2186301'), ivEntry))],
    ['unsorted-protected', 'typ before alg in the protected header.', message({ protectedBytes: typFirst })],
    ['byte-string-label', 'A map key that is a byte string.', twoEntries(hex('410001'))],
    ['float', 'A float under an unknown label.', withUnknown('f93c00')],
    ['undefined', 'undefined under an unknown label.', withUnknown('f7')],
    ['big-integer', '2^53 under an unknown label.', withUnknown('1b0020000000000000')],
    ['unknown-tag', 'Tag 1 under an unknown label.', withUnknown('c100')],
    ['not-utf-8', 'Text under an unknown label that is not UTF-8.', withUnknown('62c328')],
    ['byte-order-mark', 'Text under an unknown label that begins with U+FEFF.', withUnknown('64efbbbf61')],
    ['nested-too-deeply', 'An array at depth 17 under an unknown label.', withUnknown(`${'81'.repeat(16)}80`)],
    ['reserved-head', 'Additional information 28.', withUnknown('1c')],
  ]);
}
