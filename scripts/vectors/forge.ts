import { concat, toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { encStructure } from '../../src/cose/encrypt.js';
import { encodeProtected } from '../../src/cose/header.js';
import { encodeSign1, sigStructure } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce } from '../../src/crypto/steps.js';
import type { Family } from '../../src/protocol/envelope/topics.js';
import { fixedProvider } from './fixed-provider.js';
import { key } from './keys.js';
import { externalAad, NOW, type SealedCase, sha256 } from './sealed.js';
import type { OpeningVector } from './types.js';

/** The parts of a sealed message, each replaceable, encoded ones as raw bytes: so hostile variants are made. */
export interface SealedParts {
  /** The outer protected header, encoded. */
  readonly protectedBytes: Uint8Array;
  /** The outer unprotected header, encoded. */
  readonly unprotected: Uint8Array;
  /** The recipients array, encoded. */
  readonly recipients: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly family: Family;
  readonly audience: string | null;
  /** In place of the encrypted plaintext. */
  readonly ciphertext?: Uint8Array;
}

/** The parts of the Sign1 inside, each replaceable. */
export interface SignedParts {
  /** The protected header; a value of `undefined` takes a parameter out. */
  readonly header: ReadonlyMap<number | string, CborValue | undefined>;
  /** In place of the encoded header. */
  readonly protectedBytes?: Uint8Array;
  readonly payload: Uint8Array | null;
  readonly purpose: string;
  readonly family: Family;
  readonly recipients: Uint8Array;
  readonly signKey: string;
  /** In place of the signature. */
  readonly signature?: Uint8Array;
}

const TAG_96_ARRAY_4 = Uint8Array.of(0xd8, 0x60, 0x84);

/** Variants of one sealed message under the same content encryption key and nonce. */
export interface Forge {
  readonly base: SealedCase;
  /** The message with some of its parts replaced. */
  message(change?: Partial<SealedParts>): Uint8Array;
  /** A Sign1 with some of its parts replaced; unless told otherwise it covers the base's recipients. */
  signed(change?: Partial<SignedParts>): Uint8Array;
  /** The message around {@link signed}. */
  resigned(change: Partial<SignedParts>, outer?: Partial<SealedParts>): Uint8Array;
}

/** A forge over a message that has an audience of one. */
export function forgeFrom(base: SealedCase): Forge {
  const { vector, message, sign1, encryption } = base;
  const original = partsOf(base);

  function assemble(change: Partial<SealedParts> = {}): Uint8Array {
    const parts = { ...original, ...change };
    const aad = encStructure(parts.protectedBytes, externalAad(parts.family, parts.audience));
    const ciphertext =
      change.ciphertext ?? atOnce(nativeProvider().aesGcmEncrypt(encryption.key, encryption.iv, aad, parts.plaintext));
    return concat(
      TAG_96_ARRAY_4,
      encodeCbor(parts.protectedBytes),
      parts.unprotected,
      encodeCbor(ciphertext),
      parts.recipients,
    );
  }

  function signed(change: Partial<SignedParts> = {}): Uint8Array {
    const { payload = sign1.payload, purpose = 'message', family = vector.family } = change;
    const { recipients = message.recipientsBytes, signKey = vector.signKey } = change;
    const protectedBytes =
      change.protectedBytes ?? encodeProtected(patched(sign1.protectedHeader, change.header ?? new Map()));
    const aad = encodeCbor(['sealmq/1 sign', purpose, family, sha256(recipients)]);
    const toBeSigned = sigStructure(protectedBytes, aad, payload ?? new Uint8Array(0));
    const { provider } = fixedProvider(`forge/${toHex(toBeSigned)}`);
    const signature = change.signature ?? atOnce(provider.sign(key(signKey), toBeSigned));
    return encodeSign1({ ...sign1, protectedBytes, payload, signature });
  }

  return {
    base,
    message: assemble,
    signed,
    resigned: (change, outer = {}) => assemble({ ...outer, plaintext: padded(signed(change)) }),
  };
}

function partsOf({ vector, message, encryption }: SealedCase): SealedParts {
  const { audience } = vector.claims;
  return {
    protectedBytes: message.protectedBytes,
    unprotected: encodeCbor(message.unprotectedHeader),
    recipients: message.recipientsBytes,
    plaintext: encryption.plaintext,
    family: vector.family,
    audience: typeof audience === 'string' ? audience : null,
  };
}

/** `map` with the entries of `change`; a value of `undefined` takes an entry out. */
export function patched(map: CborMap, change: ReadonlyMap<number | string, CborValue | undefined>): CborMap {
  const result = new Map(map);
  for (const [label, value] of change) {
    if (value === undefined) result.delete(label);
    else result.set(label, value);
  }
  return result;
}

/** The unprotected header of `message` with so much under an unknown label that both outer headers have `size` bytes. */
export function filledHeader({ message: { protectedBytes, unprotectedHeader } }: SealedCase, size: number): Uint8Array {
  const filled = (length: number) => encodeCbor(patched(unprotectedHeader, new Map([[99, new Uint8Array(length)]])));
  const missing = size - encodeCbor(protectedBytes).length - filled(256).length;
  return filled(256 + missing);
}

/** Recipients array in which bob's phone finds the content encryption key of `base` and his laptop that of `mixed`. */
export function twoKeys(base: SealedCase, mixed: SealedCase): Uint8Array {
  const chosen = [base.message.recipients[0], mixed.message.recipients[1]];
  return encodeCbor(chosen.map((one) => (one ? [one.protectedBytes, one.unprotectedHeader, one.ciphertext] : [])));
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The ECDSA signature with n − s for s: as valid as the first by the algorithm's own rules, and anybody can make it. */
export function withOtherS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${toHex(signature.subarray(32))}`);
  const other = (P256_ORDER - s).toString(16).padStart(64, '0');
  return concat(signature.subarray(0, 32), Uint8Array.from(Buffer.from(other, 'hex')));
}

/** `bytes` with the bits of `mask` flipped in the byte at `index` (from the end where negative). */
export function flipped(bytes: Uint8Array, index: number, mask = 1): Uint8Array {
  const copy = bytes.slice();
  const at = index < 0 ? copy.length + index : index;
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** Zero bytes behind `bytes` up to 256. */
export function padded(bytes: Uint8Array): Uint8Array {
  return concat(bytes, new Uint8Array(Math.max(256 - bytes.length, 0)));
}

/** How a vector of {@link opening} differs from the usual: bob's phone opens what came by his message topic from alice. */
export type Unusual = Partial<Pick<OpeningVector, 'family' | 'address' | 'keys' | 'sender' | 'now'>>;

/** Opening vectors that all come to the same. */
export function openings(
  expect: OpeningVector['expect'],
  cases: readonly (readonly [name: string, about: string, message: Uint8Array, unusual?: Unusual])[],
): OpeningVector[] {
  return cases.map(([name, about, message, unusual]) => opening(name, about, message, expect, unusual));
}

/** One opening vector. */
export function opening(
  name: string,
  about: string,
  message: Uint8Array,
  expect: OpeningVector['expect'],
  unusual: Unusual = {},
): OpeningVector {
  return {
    ...{ name, about, message: toHex(message), family: 'message', address: 'bob', keys: ['bob.phone.seal'] },
    ...{ now: NOW, sender: { key: 'alice.sign' }, ...unusual, expect },
  };
}
