import { equal } from '../bytes/bytes.js';
import { type CborValue, encodeBriefly, encodeCbor } from '../bytes/cbor.js';
import { giveBack } from '../bytes/memory.js';
import type { HeaderMap } from '../cose/header.js';
import type { PublicKey } from '../cose/key.js';
import { Header } from '../cose/labels.js';
import { encodeSign1, type Sign1, sigStructure } from '../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { type Steps, step } from '../crypto/steps.js';
import { signatureAlgorithms } from '../crypto/suites.js';
import { keyThumbprint } from '../crypto/thumbprints.js';
import { SealMQError } from '../errors.js';

/** What a signature is for; the verifier supplies it, so that no signature can serve another purpose. A closed list. */
export type Purpose =
  | 'message'
  | 'record'
  | 'device-proof'
  | 'identity-change'
  | 'freshness'
  | 'negative'
  | 'key-list'
  | 'time'
  | 'card'
  | 'info-ok'
  | 'hand-in'
  | 'relay-answer'
  | 'update'
  | 'challenge'
  | 'token'
  | 'guest'
  | 'notice'
  | 'device-link'
  | 'room-announce'
  | 'room-frame';

/** What a signature covers besides its header and payload. */
export interface SignatureContext {
  readonly purpose: Purpose;
  /** Further values bound into the external AAD, in order. */
  readonly bound?: readonly CborValue[];
}

/** One of our signatures to be made. */
export interface SignatureDraft extends SignatureContext {
  readonly payload: Uint8Array;
  /** Protected header parameters besides `alg` and `kid`. */
  readonly header?: HeaderMap;
  /** Leave the payload out of the encoding (RFC 9052 §4.1): the verifier has it already. */
  readonly detached?: boolean;
}

const NOTHING: HeaderMap = new Map();

/** A COSE_Sign1 with `alg` and the 32-byte thumbprint of the signing key as `kid`, encoded as {@link encodeSign1} does. */
export function* sign(
  provider: CryptoProvider,
  key: PrivateKey,
  draft: SignatureDraft,
  encode = encodeCbor,
): Steps<Uint8Array> {
  const algorithm = signatureAlgorithms.find(({ name }) => name === key.algorithm);
  if (!algorithm) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not a signing key');
  // In the order of the encoding, which spares a sort.
  const header = new Map<number | string, CborValue>([[Header.alg, algorithm.alg]]);
  const contentType = draft.header?.get(Header.contentType);
  if (contentType !== undefined) header.set(Header.contentType, contentType);
  header.set(Header.kid, yield* keyThumbprint(provider, key.publicKey));
  for (const [label, value] of draft.header ?? NOTHING) header.set(label, value);
  const protectedBytes = encodeBriefly(header);
  const toBeSigned = sigStructure(protectedBytes, externalAad(draft), draft.payload);
  const signature = algorithm.canonical(yield* step(provider.sign(key, toBeSigned)));
  giveBack(toBeSigned);
  const payload = draft.detached ? null : draft.payload;
  return encodeSign1({ protectedBytes, unprotectedHeader: NOTHING, payload, signature }, encode);
}

/**
 * Whether `message` is `key`'s signature in this context: `alg` and `kid` must be the key's, and the signature valid and
 * in its canonical form.
 *
 * @param detachedPayload - the payload where the message does not carry it
 */
export function* verify(
  provider: CryptoProvider,
  key: PublicKey,
  message: Sign1,
  context: SignatureContext,
  detachedPayload?: Uint8Array,
): Steps<boolean> {
  const payload = message.payload ?? detachedPayload;
  const algorithm = signatureAlgorithms.find(({ alg }) => alg === message.protectedHeader.get(Header.alg));
  const kid = message.protectedHeader.get(Header.kid);
  if (!payload || !algorithm?.matches(key) || !(kid instanceof Uint8Array)) return false;
  if (!equal(kid, yield* keyThumbprint(provider, key))) return false;
  if (!equal(algorithm.canonical(message.signature), message.signature)) return false;
  const toBeSigned = sigStructure(message.protectedBytes, externalAad(context), payload);
  const valid = yield* step(provider.verify(algorithm.name, key, toBeSigned, message.signature));
  giveBack(toBeSigned);
  return valid;
}

function externalAad({ purpose, bound = [] }: SignatureContext): Uint8Array {
  return encodeBriefly(['sealmq/1 sign', purpose, ...bound]);
}
