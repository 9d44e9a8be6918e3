import fc from 'fast-check';
import type { CborMap, CborValue } from '../../src/bytes/cbor.js';
import { type Encrypt, encodeRecipients, type Recipient } from '../../src/cose/encrypt.js';
import { encodeProtected } from '../../src/cose/header.js';
import type { PrivateParameters, PublicKey } from '../../src/cose/key.js';
import { prepareSign1, type Sign1 } from '../../src/cose/sign1.js';

/** Arbitrary values of every structure of the COSE layer. */

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const someBytes = fc.uint8Array({ maxLength: 60 });

const labels = fc.oneof(
  fc.integer({ min: -70_000, max: 100 }),
  fc.string({ maxLength: 5 }).filter((t) => !t.startsWith('\ufeff')),
);
const headerValues: fc.Arbitrary<CborValue> = fc.oneof(
  fc.integer(),
  someBytes,
  fc.array(fc.integer(), { maxLength: 3 }),
);

/** A header without `crit`, whose labels have the given parity: those of two headers never meet. */
function headers(parity: 0 | 1): fc.Arbitrary<CborMap> {
  const allowed = labels.filter((label) => label !== 2 && String(label).length % 2 === parity);
  return fc.array(fc.tuple(allowed, headerValues), { maxLength: 4 }).map((entries) => new Map(entries));
}

export const sign1s: fc.Arbitrary<Sign1> = fc
  .tuple(headers(0), headers(1), fc.option(someBytes), someBytes)
  .map(([protectedHeader, unprotectedHeader, payload, signature]) => ({
    ...prepareSign1(protectedHeader, payload),
    unprotectedHeader,
    signature,
  }));

const recipients: fc.Arbitrary<Recipient> = fc
  .tuple(headers(0), headers(1), someBytes)
  .map(([protectedHeader, unprotectedHeader, ciphertext]) => ({
    protectedBytes: encodeProtected(protectedHeader),
    protectedHeader,
    unprotectedHeader,
    ciphertext,
  }));

export const encrypts: fc.Arbitrary<Encrypt> = fc
  .tuple(headers(0), headers(1), someBytes, fc.array(recipients, { minLength: 1, maxLength: 4 }))
  .map(([protectedHeader, unprotectedHeader, ciphertext, list]) => ({
    protectedBytes: encodeProtected(protectedHeader),
    protectedHeader,
    unprotectedHeader,
    ciphertext,
    recipients: list,
    recipientsBytes: encodeRecipients(list),
  }));

const okpKeys = fc
  .tuple(fc.constantFrom('X25519' as const, 'Ed25519' as const), bytesOf(32))
  .map(([crv, x]): PublicKey => ({ kty: 'OKP', crv, x }));
const ec2Keys = fc.tuple(bytesOf(32), bytesOf(32)).map(([x, y]): PublicKey => ({ kty: 'EC2', crv: 'P-256', x, y }));
const rsaKeys = fc
  .tuple(fc.integer({ min: 384, max: 512 }), fc.integer({ min: 128, max: 255 }))
  .map(
    ([length, first]): PublicKey => ({ kty: 'RSA', n: new Uint8Array(length).fill(first), e: Uint8Array.of(1, 0, 1) }),
  );

export const publicKeys: fc.Arbitrary<PublicKey> = fc.oneof(okpKeys, ec2Keys, rsaKeys);

export const privateKeys: fc.Arbitrary<{ publicKey: PublicKey; secrets: PrivateParameters }> = fc.oneof(
  fc.record({ publicKey: fc.oneof(okpKeys, ec2Keys), secrets: fc.record({ d: bytesOf(32) }) }),
  fc.record({
    publicKey: rsaKeys,
    secrets: fc.record({ d: someBytes, p: someBytes, q: someBytes, dP: someBytes, dQ: someBytes, qInv: someBytes }),
  }),
);

export const protectedHeaders: fc.Arbitrary<CborMap> = headers(0);
