import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCbor } from '../../src/bytes/cbor.js';
import { decodeEncrypt, encodeEncrypt } from '../../src/cose/encrypt.js';
import { decodeProtected, encodeProtected } from '../../src/cose/header.js';
import { decodePrivateKey, encodePrivateKey, encodePublicKey, readPublicKey } from '../../src/cose/key.js';
import { decodeSign1, encodeSign1 } from '../../src/cose/sign1.js';
import { encrypts, privateKeys, protectedHeaders, publicKeys, sign1s } from './structures.js';

/** What is encoded decodes to itself, and encodes to the same bytes again. */
function roundTrip<T>(name: string, values: fc.Arbitrary<T>, encode: (value: T) => Uint8Array, decode: Decode<T>) {
  test(`${name} comes back byte for byte`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        const decoded = decode(bytes);
        expect(decoded).toEqual(value);
        expect(encode(decoded)).toEqual(bytes);
      }),
    );
  });
}
type Decode<T> = (bytes: Uint8Array) => T;

roundTrip('a protected header', protectedHeaders, encodeProtected, decodeProtected);
roundTrip('COSE_Sign1', sign1s, encodeSign1, decodeSign1);
roundTrip('COSE_Encrypt', encrypts, encodeEncrypt, (bytes) => decodeEncrypt(bytes, 4));
roundTrip('a public COSE_Key', publicKeys, encodePublicKey, (bytes) => readPublicKey(decodeCbor(bytes)));
roundTrip(
  'a private COSE_Key',
  privateKeys,
  ({ publicKey, secrets }) => encodePrivateKey(publicKey, secrets),
  decodePrivateKey,
);
