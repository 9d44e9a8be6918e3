import { concat, equal } from '../../bytes/bytes.js';
import { CborReader } from '../../bytes/cbor.js';
import type { PublicKey } from '../../cose/key.js';
import type { Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { RELAY_ADDRESS } from '../address.js';
import { assertPadded, decryptContent, readSignedStart } from '../envelope/decrypt-content.js';
import { assertRecipients, encryptContent, freshKey } from '../envelope/encrypt-content.js';
import { pad } from '../envelope/padding.js';
import { MAX_SEALED_BYTES, parseSealed } from '../envelope/profile.js';
import { DEFAULT_PADDING } from '../envelope/seal.js';
import { sign, verify } from '../signed.js';
import { decodeHandIn, encodeHandIn, type HandIn } from './hand-in.js';

/** What a hand-in may be longer than the sealed message in it, in bytes: statement, signature, recipients, padding. */
const ENVELOPE_BYTES = 1 << 18;

/** Where hand-ins are published. */
export function handInTopic(prefix: string): string {
  return `${prefix}/${RELAY_ADDRESS}/hand-in`;
}

/** Who hands in, and to whom. */
export interface HandInKeys {
  /** The sender device's signing key. */
  readonly signKey: PrivateKey;
  /** Sealing keys of the relay's devices. */
  readonly relay: readonly PublicKey[];
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
  { signKey, relay }: HandInKeys,
): Steps<Uint8Array> {
  assertRecipients(relay.length);
  const message = yield* step(provider.sha256(sealed));
  const payload = encodeHandIn({ ...content, message });
  return yield* encryptContent(provider, {
    ...freshKey(provider),
    ...{ family: 'hand-in', audience: RELAY_ADDRESS, recipients: relay },
    *plaintext() {
      const signed = yield* sign(provider, signKey, { purpose: 'hand-in', payload });
      return pad(concat(signed, sealed), DEFAULT_PADDING);
    },
  });
}

/** A hand-in that was decrypted; who signed it is not verified yet. */
export interface OpenedHandIn {
  readonly content: HandIn;
  readonly sealed: Uint8Array;
  /** Thumbprint of the signing key that it names, 32 bytes. */
  readonly kid: Uint8Array;
  readonly signed: Sign1;
}

/** What came of opening a hand-in. */
export type HandInOutcome =
  | { readonly kind: 'opened'; readonly handIn: OpenedHandIn }
  /** Does not parse, or the message beside it is another than the signed one. */
  | { readonly kind: 'malformed'; readonly error: SealMQError }
  /** For other keys, or another relay. */
  | { readonly kind: 'not-for-me' }
  /** Tampered with, or moved here from another topic. */
  | { readonly kind: 'unverifiable' };

/** Which relay opens. */
export interface RelayKeys {
  readonly sealKeys: readonly PrivateKey[];
  /** Thumbprint of its identity key. */
  readonly identity: Uint8Array;
  /** Largest sealed message in bytes; default 1.5 MiB. */
  readonly maxSealedBytes?: number;
}

/** Decrypts a hand-in. What the bytes are is an outcome, never an exception. */
export function* openHandIn(provider: CryptoProvider, bytes: Uint8Array, keys: RelayKeys): Steps<HandInOutcome> {
  const { maxSealedBytes = MAX_SEALED_BYTES } = keys;
  try {
    const profiled = parseSealed(bytes, maxSealedBytes + ENVELOPE_BYTES);
    const context = { keys: keys.sealKeys, family: 'hand-in' as const, audiences: [RELAY_ADDRESS] };
    const decrypted = yield* decryptContent(provider, profiled, context);
    if (decrypted === 'not-for-me') return { kind: 'not-for-me' };
    if (decrypted === null) return { kind: 'unverifiable' };
    const handIn = yield* readPlaintext(provider, decrypted.bytes, maxSealedBytes);
    return equal(handIn.content.relay, keys.identity) ? { kind: 'opened', handIn } : { kind: 'not-for-me' };
  } catch (error) {
    if (error instanceof SealMQError && error.code.startsWith('DECODE_')) return { kind: 'malformed', error };
    throw error;
  }
}

/** The CBOR sequence of statement, sealed message and padding. @throws `DECODE_` codes */
function* readPlaintext(provider: CryptoProvider, bytes: Uint8Array, maxSealedBytes: number): Steps<OpenedHandIn> {
  const { sign1: signed, kid, payload, end } = readSignedStart(bytes);
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
export function* verifyHandIn(provider: CryptoProvider, key: PublicKey, { signed }: OpenedHandIn): Steps<boolean> {
  try {
    return yield* verify(provider, key, signed, { purpose: 'hand-in' });
  } catch (error) {
    if (error instanceof SealMQError) return false;
    throw error;
  }
}
