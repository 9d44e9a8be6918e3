import { concat } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { publicKeyMap } from '../../src/cose/key.js';
import { type Forge, flipped, opening, patched } from './forge.js';
import { key } from './keys.js';
import type { OpeningVector } from './types.js';

const CBOR = { kind: 'malformed', code: 'DECODE_CBOR' } as const;
const COSE = { kind: 'malformed', code: 'DECODE_COSE' } as const;
const KEY = { kind: 'malformed', code: 'DECODE_KEY' } as const;

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

/** What does not parse under the profile: refused before any key is touched. */
export function refusedStructures(forge: Forge): OpeningVector[] {
  return [...framing(forge), ...outerHeaders(forge), ...encodings(forge), ...recipientsArrays(forge)];
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

function outerHeaders({ base, message }: Forge): OpeningVector[] {
  const header = base.message.protectedHeader;
  const unprotectedHeader = base.message.unprotectedHeader;
  const withProtected = (change: [number | string, CborValue | undefined][]) =>
    message({ protectedBytes: encodeCbor(patched(header, new Map(change))) });
  const withUnprotected = (change: [number | string, CborValue | undefined][]) =>
    message({ unprotected: encodeCbor(patched(unprotectedHeader, new Map(change))) });
  return [
    opening('content-algorithm', 'alg 1 (A128GCM).', withProtected([[1, 1]]), COSE),
    opening('no-content-algorithm', 'No alg.', withProtected([[1, undefined]]), COSE),
    opening('wrong-typ', 'typ of something else.', withProtected([[16, 'application/cose']]), COSE),
    opening('no-typ', 'No typ.', withProtected([[16, undefined]]), COSE),
    opening('no-protected-header', 'Empty protected header.', message({ protectedBytes: new Uint8Array(0) }), COSE),
    opening(
      'protected-empty-map',
      'An encoded empty map as protected header.',
      message({ protectedBytes: hex('a0') }),
      COSE,
    ),
    opening('protected-array', 'The protected header is no map.', message({ protectedBytes: hex('80') }), COSE),
    opening(
      'critical',
      'crit names a label that nobody knows.',
      withProtected([
        [2, [-70000]],
        [-70000, 1],
      ]),
      COSE,
    ),
    opening('critical-known', 'crit is refused whatever it names.', withProtected([[2, [16]]]), COSE),
    opening('critical-unprotected', 'crit in the unprotected header.', withUnprotected([[2, [16]]]), COSE),
    opening('label-in-both', 'typ protected and unprotected.', withUnprotected([[16, 'application/cose']]), COSE),
    opening('no-iv', 'No iv.', withUnprotected([[5, undefined]]), COSE),
    opening('short-iv', 'iv of 11 bytes.', withUnprotected([[5, new Uint8Array(11)]]), COSE),
    opening(
      'partial-iv',
      'A partial IV (label 6) in place of the iv.',
      withUnprotected([
        [5, undefined],
        [6, hex('01')],
      ]),
      COSE,
    ),
  ];
}

/** The unprotected header is not covered by the encryption: it takes every way to write CBOR that is not ours. */
function encodings({ base, message }: Forge): OpeningVector[] {
  const iv = base.encryption.iv;
  const ivEntry = concat(hex('054c'), iv);
  const withUnprotected = (bytes: Uint8Array) => message({ unprotected: bytes });
  const withUnknown = (value: string) => withUnprotected(concat(hex('a2'), ivEntry, hex(`1863${value}`)));
  const header = base.message.protectedBytes;
  return [
    opening(
      'indefinite-map',
      'An unprotected header of indefinite length.',
      withUnprotected(concat(hex('bf'), ivEntry, hex('ff'))),
      CBOR,
    ),
    opening(
      'long-map-head',
      'The head of a map not in shortest form.',
      withUnprotected(concat(hex('b801'), ivEntry)),
      CBOR,
    ),
    opening('long-label', 'A label not in shortest form.', withUnprotected(concat(hex('a118054c'), iv)), CBOR),
    opening(
      'long-string-head',
      'The head of a byte string not in shortest form.',
      withUnprotected(concat(hex('a105580c'), iv)),
      CBOR,
    ),
    opening('repeated-label', 'A label twice.', withUnprotected(concat(hex('a2'), ivEntry, ivEntry)), CBOR),
    opening(
      'unsorted-labels',
      'Labels not in bytewise order.',
      withUnprotected(concat(hex('a2186301'), ivEntry)),
      CBOR,
    ),
    opening(
      'unsorted-protected',
      'typ before alg in the protected header.',
      message({ protectedBytes: concat(hex('a2'), header.subarray(3), hex('0103')) }),
      CBOR,
    ),
    opening(
      'byte-string-label',
      'A map key that is a byte string.',
      withUnprotected(concat(hex('a2'), ivEntry, hex('410001'))),
      CBOR,
    ),
    opening('float', 'A float under an unknown label.', withUnknown('f93c00'), CBOR),
    opening('undefined', 'undefined under an unknown label.', withUnknown('f7'), CBOR),
    opening('big-integer', '2^53 under an unknown label.', withUnknown('1b0020000000000000'), CBOR),
    opening('unknown-tag', 'Tag 1 under an unknown label.', withUnknown('c100'), CBOR),
    opening('not-utf-8', 'Text under an unknown label that is not UTF-8.', withUnknown('62c328'), CBOR),
    opening(
      'nested-too-deeply',
      'An array at depth 17 under an unknown label.',
      withUnknown(`${'81'.repeat(16)}80`),
      CBOR,
    ),
    opening('reserved-head', 'Additional information 28.', withUnknown('1c'), CBOR),
  ];
}

function recipientsArrays({ base, message }: Forge): OpeningVector[] {
  const first = base.message.recipients[0];
  if (!first) throw new RangeError('a message without recipients');
  const { protectedBytes, unprotectedHeader, ciphertext } = first;
  const kid = unprotectedHeader.get(4) as Uint8Array;
  const ephemeral = unprotectedHeader.get(-1) as CborMap;
  const good: CborValue = [protectedBytes, unprotectedHeader, ciphertext];
  const withRecipients = (...recipients: CborValue[]) => message({ recipients: encodeCbor(recipients) });
  const changed = (change: [number | string, CborValue | undefined][]) =>
    withRecipients([protectedBytes, patched(unprotectedHeader, new Map(change)), ciphertext]);
  const withEphemeral = (change: [number, CborValue | undefined][]) =>
    changed([[-1, patched(ephemeral, new Map(change))]]);
  const strangers = Array.from(
    { length: 257 },
    (_, i): CborValue => [
      new Uint8Array(0),
      new Map<number, CborValue>([
        [1, -70000],
        [4, Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i & 255)],
      ]),
      new Uint8Array(0),
    ],
  );
  const p256 = publicKeyMap(key('bob.laptop.seal').publicKey);
  const compressed = patched(p256, new Map([[-3, true]]));
  return [
    opening('no-recipients', 'An empty recipients array.', withRecipients(), COSE),
    opening('257-recipients', 'One recipient too many.', withRecipients(...strangers), COSE),
    opening(
      'indefinite-recipients',
      'A recipients array of indefinite length.',
      message({ recipients: concat(hex('9f'), encodeCbor(good), hex('ff')) }),
      CBOR,
    ),
    opening(
      'recipients-not-an-array',
      'A single recipient without the array around it.',
      message({ recipients: encodeCbor(good) }),
      COSE,
    ),
    opening(
      'repeated-kid',
      'Two recipients with one kid.',
      withRecipients(good, [protectedBytes, unprotectedHeader, flipped(ciphertext, 0)]),
      COSE,
    ),
    opening(
      'nested-recipients',
      'A recipient with recipients of its own.',
      withRecipients([protectedBytes, unprotectedHeader, ciphertext, []]),
      COSE,
    ),
    opening('no-kid', 'A recipient without kid.', changed([[4, undefined]]), COSE),
    opening('long-kid', 'A kid of 9 bytes.', changed([[4, concat(kid, Uint8Array.of(0))]]), COSE),
    opening('salt', 'Label -20, salt.', changed([[-20, new Uint8Array(32)]]), COSE),
    opening('party-u-identity', 'Label -21, PartyU identity.', changed([[-21, hex('00')]]), COSE),
    opening('party-v-other', 'Label -26, PartyV other.', changed([[-26, hex('00')]]), COSE),
    opening(
      'unprotected-ecdh',
      'ECDH-ES + A256KW outside the protected header.',
      withRecipients([new Uint8Array(0), patched(unprotectedHeader, new Map([[1, -31]])), ciphertext]),
      COSE,
    ),
    opening(
      'more-in-recipient-header',
      'A second parameter in the protected header of an ECDH recipient.',
      withRecipients([hex('a201381e1863f5'), unprotectedHeader, ciphertext]),
      COSE,
    ),
    opening(
      'recipient-critical',
      'crit in a recipient.',
      withRecipients([hex('a301381e028118631863f5'), unprotectedHeader, ciphertext]),
      COSE,
    ),
    opening(
      'wrapped-key-size',
      'A wrapped key of 48 bytes.',
      withRecipients([protectedBytes, unprotectedHeader, new Uint8Array(48)]),
      COSE,
    ),
    opening(
      'rsa-protected',
      'RSAES-OAEP in the protected header.',
      withRecipients([hex('a1013828'), new Map([[4, kid]]), new Uint8Array(384)]),
      COSE,
    ),
    opening(
      'rsa-short',
      'An RSAES-OAEP ciphertext of 256 bytes.',
      withRecipients([
        new Uint8Array(0),
        new Map<number, CborValue>([
          [1, -41],
          [4, kid],
        ]),
        new Uint8Array(256),
      ]),
      COSE,
    ),
    opening('no-ephemeral-key', 'An ECDH recipient without ephemeral key.', changed([[-1, undefined]]), KEY),
    opening('short-ephemeral-key', 'An X25519 key of 31 bytes.', withEphemeral([[-2, new Uint8Array(31)]]), KEY),
    opening('ephemeral-private-key', 'An ephemeral COSE_Key with d.', withEphemeral([[-4, new Uint8Array(32)]]), KEY),
    opening(
      'ephemeral-with-alg',
      'An ephemeral COSE_Key with a parameter that its thumbprint does not have.',
      withEphemeral([[3, -31]]),
      KEY,
    ),
    opening('ephemeral-ed25519', 'An Ed25519 key as ephemeral key.', withEphemeral([[-1, 6]]), COSE),
    opening(
      'ephemeral-rsa',
      'An RSA key as ephemeral key.',
      changed([[-1, publicKeyMap(key('bob.gateway.seal').publicKey)]]),
      COSE,
    ),
    opening('ephemeral-x448', 'An unknown curve.', withEphemeral([[-1, 5]]), KEY),
    opening('compressed-point', 'A P-256 key with a sign in place of y.', changed([[-1, compressed]]), KEY),
  ];
}
