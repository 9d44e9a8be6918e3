import { equal } from '../../bytes/bytes.js';
import { CborReader } from '../../bytes/cbor.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { assertPadded, type SignedStart } from '../envelope/decrypt-content.js';
import { MAX_SEALED_BYTES, parseSealed } from '../envelope/profile.js';
import { decodeHandIn, encodeHandIn, type HandIn } from './hand-in.js';
import {
  type OpenedStatement,
  openAtRelay,
  type RelayKeys,
  relayTopic,
  type SpeakerKeys,
  sealToRelay,
  type Unopened,
  verifyAtRelay,
} from './relay-envelope.js';

/** What a hand-in may be longer than the sealed message in it, in bytes: statement, signature, recipients, padding. */
const ENVELOPE_BYTES = 1 << 18;

/** Where hand-ins are published. */
export function handInTopic(prefix: string): string {
  return relayTopic(prefix, 'hand-in');
}

/**
 * Seals a hand-in to the relay: the signed statement, and beside it the sealed message, both inside of the encryption, so
 * that nobody can tell by its bytes which copies come of it.
 *
 * @param sealed - an encoded COSE_Encrypt; `content.message` is made of it
 * @returns the encoded COSE_Encrypt
 * @throws `USAGE_INVALID_ARGUMENT`, `USAGE_TOO_MANY_RECIPIENTS`
 */
export function* sealHandIn(
  provider: CryptoProvider,
  content: Omit<HandIn, 'message'>,
  sealed: Uint8Array,
  keys: SpeakerKeys,
): Steps<Uint8Array> {
  const message = yield* step(provider.sha256(sealed));
  return yield* sealToRelay(provider, 'hand-in', encodeHandIn({ ...content, message }), keys, sealed);
}

/** A hand-in that was decrypted; who signed it is not verified yet. */
export interface OpenedHandIn extends OpenedStatement<HandIn> {
  readonly sealed: Uint8Array;
}

/** What came of opening a hand-in. */
export type HandInOutcome = { readonly kind: 'opened'; readonly handIn: OpenedHandIn } | Unopened;

/**
 * Decrypts a hand-in. What the bytes are is an outcome, never an exception.
 *
 * @param keys - with the largest sealed message in bytes; default 1.5 MiB
 */
export function* openHandIn(
  provider: CryptoProvider,
  bytes: Uint8Array,
  keys: RelayKeys & { readonly maxSealedBytes?: number },
): Steps<HandInOutcome> {
  const { maxSealedBytes = MAX_SEALED_BYTES } = keys;
  const read = (plaintext: Uint8Array, start: SignedStart) => readPlaintext(provider, plaintext, start, maxSealedBytes);
  const opened = yield* openAtRelay(provider, 'hand-in', bytes, keys, maxSealedBytes + ENVELOPE_BYTES, read);
  return opened.kind === 'read' ? { kind: 'opened', handIn: opened.value } : opened;
}

/** The CBOR sequence of statement, sealed message and padding. @throws `DECODE_` codes */
function* readPlaintext(
  provider: CryptoProvider,
  bytes: Uint8Array,
  { sign1: signed, kid, payload, end }: SignedStart,
  maxSealedBytes: number,
): Steps<OpenedHandIn> {
  const reader = new CborReader(bytes, end);
  reader.item();
  const sealed = bytes.slice(end, reader.offset);
  assertPadded(bytes, reader.offset);
  // What no receiver could parse is not worth a place in anybody's queue.
  parseSealed(sealed, maxSealedBytes);
  const content = decodeHandIn(payload);
  if (!equal(content.message, yield* step(provider.sha256(sealed)))) {
    throw new SealMQError('DECODE_CLAIMS', 'malformed hand-in: another message than the signed one');
  }
  return { content, sealed, kid, signed };
}

/** Whether `key` signed the hand-in; false as well for a key of an algorithm that this backend lacks. */
export function verifyHandIn(provider: CryptoProvider, key: PublicKey, handIn: OpenedHandIn): Steps<boolean> {
  return verifyAtRelay(provider, 'hand-in', key, handIn);
}
