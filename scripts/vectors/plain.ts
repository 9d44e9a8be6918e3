import { paddedLength } from '../../src/protocol/envelope/padding.js';
import { REGISTRATION_ID } from './sealed.js';
import type { Vectors } from './types.js';

/** Vectors without any cryptography: CBOR, padding, addresses. */

const ACCEPTED: [bytes: string, about: string][] = [
  ['00', '0'],
  ['1818', '24 in two bytes'],
  ['1b001fffffffffffff', '2^53 - 1'],
  ['3b001ffffffffffffe', '-(2^53 - 1)'],
  ['20', '-1'],
  ['40', 'empty byte string'],
  ['63e282ac', 'text of three bytes'],
  ['f4', 'false'],
  ['f5', 'true'],
  ['f6', 'nil'],
  ['a0', 'empty map'],
  ['a40105181806200761610a', 'keys 1, 24, -1, "a": bytewise order of their encodings'],
  [`${'81'.repeat(16)}80`, 'an array at depth 16'],
  ['d280', 'tag 18'],
  ['d86080', 'tag 96'],
];

const REFUSED: [bytes: string, about: string][] = [
  ['', 'nothing'],
  ['0000', 'two items'],
  ['1817', '23 in two bytes'],
  ['190018', '24 in three bytes'],
  ['1a0000ffff', '65535 in five bytes'],
  ['1b00000000ffffffff', '2^32 - 1 in nine bytes'],
  ['1b0020000000000000', '2^53'],
  ['3b001fffffffffffff', '-2^53'],
  ['c249010000000000000000', 'a bignum'],
  ['5817aa', 'string length in two bytes'],
  ['42aa', 'a string that is cut'],
  ['5f41aaff', 'byte string of indefinite length'],
  ['7f6161ff', 'text of indefinite length'],
  ['9fff', 'array of indefinite length'],
  ['bfff', 'map of indefinite length'],
  ['8201', 'an array that is cut'],
  ['9b7fffffffffffffff00', 'an array of more items than there are bytes'],
  ['61ff', 'text that is not UTF-8'],
  ['63eda080', 'a lone surrogate'],
  ['64efbbbf61', 'text that begins with a byte order mark'],
  ['a201000100', 'a key twice'],
  ['a202000100', 'keys not in order'],
  ['a220001800', 'keys not in order: -1 before 24'],
  ['a2616200616100', 'text keys not in order'],
  ['a2626161006162f6', 'a longer text key before a shorter one'],
  ['a1400a', 'a byte string as key'],
  ['a1f500', 'true as key'],
  ['a1800a', 'an array as key'],
  ['f7', 'undefined'],
  ['e0', 'simple value 0'],
  ['f8ff', 'simple value 255'],
  ['f90000', 'half-precision float'],
  ['fa00000000', 'single-precision float'],
  ['fb0000000000000000', 'double-precision float'],
  ['ff', 'a lone break'],
  ['1c', 'reserved additional information'],
  ['c000', 'a tag other than 16, 18, 96'],
  [`${'81'.repeat(17)}80`, 'an array at depth 17'],
];

/** Deterministic CBOR: what is accepted and what is refused, each as a whole item. */
export const cbor: Vectors['cbor'] = {
  accepted: ACCEPTED.map(([bytes, about]) => ({ about, bytes })),
  refused: REFUSED.map(([bytes, about]) => ({ about, bytes })),
};

const LENGTHS = [1, 255, 256, 257, 270, 288, 289, 500, 513, 1000, 1024, 1025, 4097, 65_537, 1_000_000, 1_048_577];

/** Padmé with the least length of 256 bytes, and pure. */
export const padding: Vectors['padding'] = [256, 1].flatMap((minimum) =>
  LENGTHS.map((length) => ({ length, minimum, padded: paddedLength(length, minimum) })),
);

/** Addresses. */
export const addresses: Vectors['addresses'] = {
  accepted: ['a', '0', 'alice', 'a.b_c-d', '7-of-9', 'x'.repeat(64), 'rooms', REGISTRATION_ID],
  refused: [
    ...['', '.alice', '-alice', '_alice', 'Alice', 'ålice', 'x'.repeat(65), 'room', 'group', 'relay'],
    ...['alice/bob', 'alice/..', '+', '#', 'alice#', 'alice ', 'alice\n', 'alice\u0000', '..', '~alice'],
    ...[
      REGISTRATION_ID.slice(0, -1),
      `${REGISTRATION_ID}a`,
      REGISTRATION_ID.toUpperCase(),
      `${REGISTRATION_ID.slice(0, -1)}1`,
    ],
  ],
};
