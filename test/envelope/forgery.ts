import { concat } from '../../src/bytes/bytes.js';
import { type CborValue, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { decodeEncrypt, encodeEncrypt, encodeRecipients, type Recipient } from '../../src/cose/encrypt.js';
import type { HeaderMap } from '../../src/cose/header.js';
import { encodeProtected } from '../../src/cose/header.js';
import type { PublicKey } from '../../src/cose/key.js';
import { Claim, Header } from '../../src/cose/labels.js';
import { sigStructure } from '../../src/cose/sign1.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { keyManagementAlgorithms, signatureAlgorithms, type WrappedKey } from '../../src/crypto/suites.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { contentAad, OUTER_HEADER } from '../../src/protocol/envelope/profile.js';
import type { Family } from '../../src/protocol/envelope/topics.js';
import { itemEnd } from '../bytes/item-end.js';
import { NOW, native, type Party, thumbprintOf } from './parties.js';

/**
 * Sealed messages made by hand from the COSE layer, as a malicious sender would: `seal` refuses to make them. Whatever is
 * not changed is as the profile wants it.
 */
export interface Forgery {
  readonly from: Party;
  readonly to: readonly PublicKey[];
  readonly audience: CborValue;
  /** Who signs, when it is not `from`. */
  readonly signer?: PrivateKey;
  readonly payload?: Uint8Array | null;
  readonly purpose?: string;
  readonly family?: Family;
  /** The family that the encryption binds, when it is another one. */
  readonly outerFamily?: Family;
  readonly outerAudience?: string | null;
  readonly outerHeader?: HeaderMap;
  readonly outerUnprotected?: (iv: Uint8Array) => HeaderMap;
  readonly padding?: Uint8Array;
  readonly changeClaims?: (cwt: Map<number | string, CborValue>) => void;
  readonly changeHeader?: (header: Map<number | string, CborValue>) => void;
  readonly changeRecipients?: (recipients: WrappedKey[]) => readonly WrappedKey[];
  /** What stands where the encoded protected header should. */
  readonly encodeHeader?: (header: HeaderMap) => Uint8Array;
  readonly signUnprotected?: HeaderMap;
  readonly changeSignature?: (signature: Uint8Array) => Uint8Array;
  readonly changeSigned?: (signed: Uint8Array) => Uint8Array;
  /** What the signature binds besides purpose and family, when it is not the hash of the recipients. */
  readonly bound?: readonly CborValue[];
}

/** The sealed message of a forgery. */
export async function forge(forgery: Forgery): Promise<Uint8Array> {
  const { audience, family = 'message' } = forgery;
  const cek = native.randomBytes(32);
  const wrapped = await Promise.all(forgery.to.map((key) => wrap(key, cek)));
  const recipientsBytes = encodeRecipients(forgery.changeRecipients?.(wrapped) ?? wrapped);
  const hash = await native.sha256(recipientsBytes);
  const signed = await signByHand(forgery, forgery.bound ?? [family, hash]);
  const plaintext = concat(forgery.changeSigned?.(signed) ?? signed, forgery.padding ?? new Uint8Array(0));
  const outerAudience = forgery.outerAudience === undefined ? (audience as string) : forgery.outerAudience;
  return encryptByHand(plaintext, cek, recipientsBytes, {
    ...forgery,
    family: forgery.outerFamily ?? family,
    outerAudience,
  });
}

/** A Sign1 with the claims of a message. */
async function signByHand(forgery: Forgery, bound: readonly CborValue[]): Promise<Uint8Array> {
  const { from, audience, payload = Uint8Array.of(1), purpose = 'message', signer = from.signKey } = forgery;
  const row = signatureAlgorithms.find(({ name }) => name === signer.algorithm);
  if (!row) throw new TypeError('not a key to sign with');
  const cwt = new Map<number | string, CborValue>([
    [Claim.iss, from.address],
    [Claim.aud, audience],
    [Claim.iat, NOW],
    [Claim.cti, new Uint8Array(16)],
  ]);
  forgery.changeClaims?.(cwt);
  const header = new Map<number | string, CborValue>([
    [Header.alg, row.alg],
    [Header.kid, thumbprintOf(signer)],
    [Header.cwtClaims, cwt],
  ]);
  forgery.changeHeader?.(header);
  const protectedBytes = (forgery.encodeHeader ?? encodeProtected)(header);
  const externalAad = encodeCbor(['sealmq/1 sign', purpose, ...bound]);
  const toBeSigned = sigStructure(protectedBytes, externalAad, payload ?? new Uint8Array(0));
  const signature = row.canonical(await native.sign(signer, toBeSigned));
  const parts = [protectedBytes, forgery.signUnprotected ?? new Map(), payload];
  return encodeCbor(new Tagged(18, [...parts, forgery.changeSignature?.(signature) ?? signature]));
}

type Outer = Pick<Forgery, 'outerHeader' | 'outerUnprotected'> & {
  readonly family: Family;
  readonly outerAudience: string | null;
};

async function encryptByHand(plaintext: Uint8Array, cek: Uint8Array, recipientsBytes: Uint8Array, outer: Outer) {
  const iv = native.randomBytes(12);
  const protectedBytes = encodeProtected(outer.outerHeader ?? OUTER_HEADER);
  const aad = contentAad(protectedBytes, outer.family, outer.outerAudience);
  return encodeEncrypt({
    protectedBytes,
    unprotectedHeader: outer.outerUnprotected?.(iv) ?? new Map([[Header.iv, iv]]),
    ciphertext: await native.aesGcmEncrypt(cek, iv, aad, plaintext),
    recipientsBytes,
  });
}

/** The content encryption key wrapped to one device, with its kid. */
export async function wrap(key: PublicKey, cek: Uint8Array): Promise<WrappedKey> {
  const row = keyManagementAlgorithms.find((candidate) => candidate.matches(key));
  if (!row) throw new TypeError('not a key to seal to');
  const thumbprint = await run(keyThumbprint(native, key));
  return run(row.wrap(native, key, thumbprint, cek));
}

/** What a reader of a message holds in hand: enough to seal it again to whomever it likes. */
export interface TakenApart {
  readonly cek: Uint8Array;
  /** The encoded Sign1, without padding. */
  readonly signed: Uint8Array;
  readonly recipientsBytes: Uint8Array;
}

/** Opens a message as `reader` and takes it apart; the outer audience is nil for a message to several receivers. */
export async function takeApart(
  sealed: Uint8Array,
  reader: Party,
  outerAudience: string | null = reader.address,
): Promise<TakenApart> {
  const message = decodeEncrypt(sealed, 256);
  const row = keyManagementAlgorithms.find(({ name }) => name === reader.sealKey.algorithm);
  const kid = thumbprintOf(reader.sealKey);
  const mine = message.recipients.find((recipient) => isFor(recipient, kid));
  const cek = mine && row && (await run(row.unwrap(native, reader.sealKey, kid, mine)));
  if (!cek) throw new TypeError('not for this reader');
  const aad = contentAad(message.protectedBytes, 'message', outerAudience);
  const iv = message.unprotectedHeader.get(Header.iv) as Uint8Array;
  const plaintext = await native.aesGcmDecrypt(cek, iv, aad, message.ciphertext);
  if (!plaintext) throw new TypeError('does not decrypt');
  return { cek, signed: plaintext.subarray(0, itemEnd(plaintext, 0)), recipientsBytes: message.recipientsBytes };
}

/** Encrypts a signed part again, to any recipients and audience. */
export async function sealAgain(
  signed: Uint8Array,
  to: readonly PublicKey[],
  outerAudience: string | null,
  family: Family = 'message',
): Promise<Uint8Array> {
  const cek = native.randomBytes(32);
  const recipientsBytes = encodeRecipients(await Promise.all(to.map((key) => wrap(key, cek))));
  return encryptByHand(signed, cek, recipientsBytes, { family, outerAudience });
}

/** The same content under the same key for other recipients. */
export function withRecipients(part: TakenApart, recipientsBytes: Uint8Array, outerAudience: string | null) {
  return encryptByHand(part.signed, part.cek, recipientsBytes, { family: 'message', outerAudience });
}

function isFor({ unprotectedHeader }: Recipient, kid: Uint8Array): boolean {
  return Buffer.compare(unprotectedHeader.get(Header.kid) as Uint8Array, kid.subarray(0, 8)) === 0;
}
