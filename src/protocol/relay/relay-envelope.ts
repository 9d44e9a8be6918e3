import { equal } from '../../bytes/bytes.js';
import type { PublicKey } from '../../cose/key.js';
import type { Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { RELAY_ADDRESS } from '../address.js';
import { decryptContent, readSignedStart, type SignedStart } from '../envelope/decrypt-content.js';
import { assertRecipients, encryptContent, freshKey } from '../envelope/encrypt-content.js';
import { padded } from '../envelope/padding.js';
import { parseSealed } from '../envelope/profile.js';
import { DEFAULT_PADDING } from '../envelope/seal.js';
import { sign, verify } from '../signed.js';

/** What is said to the relay; the word is the last level of the topic, the family, and the purpose of the signature. */
export type RelayWord = 'hand-in' | 'update';

/** Who speaks, and to whom. */
export interface SpeakerKeys {
  /** The sender device's signing key. */
  readonly signKey: PrivateKey;
  /** Sealing keys of the relay's devices. */
  readonly relay: readonly PublicKey[];
}

/** Which relay opens. */
export interface RelayKeys {
  readonly sealKeys: readonly PrivateKey[];
  /** Thumbprint of its identity key. */
  readonly identity: Uint8Array;
}

/** A statement that was decrypted; who signed it is not verified yet. */
export interface OpenedStatement<T> {
  readonly content: T;
  /** Thumbprint of the signing key that it names, 32 bytes. */
  readonly kid: Uint8Array;
  readonly signed: Sign1;
}

/** Why nothing can be made of what came. */
export type Unopened =
  /** Does not parse, or contradicts itself. */
  | { readonly kind: 'malformed'; readonly error: SealMQError }
  /** For other keys, or another relay. */
  | { readonly kind: 'not-for-me' }
  /** Tampered with, or moved here from another topic. */
  | { readonly kind: 'unverifiable' };

/** Where the relay is told. */
export function relayTopic(prefix: string, word: RelayWord): string {
  return `${prefix}/${RELAY_ADDRESS}/${word}`;
}

/**
 * Signs a statement and seals it to the relay.
 *
 * @param beside - goes with it inside of the encryption
 * @returns the encoded COSE_Encrypt
 * @throws `USAGE_TOO_MANY_RECIPIENTS`
 */
export function* sealToRelay(
  provider: CryptoProvider,
  word: RelayWord,
  payload: Uint8Array,
  { signKey, relay }: SpeakerKeys,
  beside: Uint8Array = new Uint8Array(0),
): Steps<Uint8Array> {
  assertRecipients(relay.length);
  return yield* encryptContent(provider, {
    ...freshKey(provider),
    ...{ family: word, audience: RELAY_ADDRESS, recipients: relay },
    *plaintext() {
      const signed = yield* sign(provider, signKey, { purpose: word, payload });
      return padded([signed, beside], DEFAULT_PADDING);
    },
  });
}

/**
 * Decrypts what is said to the relay, hands it to `read`, and passes over what is for another relay. What the bytes are is an outcome, never an exception.
 *
 * @param maxBytes - largest that is looked at
 * @param read - throws `DECODE_` codes for what is malformed
 */
export function* openAtRelay<T extends OpenedStatement<{ readonly relay: Uint8Array }>>(
  provider: CryptoProvider,
  word: RelayWord,
  bytes: Uint8Array,
  { sealKeys, identity }: RelayKeys,
  maxBytes: number,
  read: (plaintext: Uint8Array, start: SignedStart) => Steps<T>,
): Steps<{ readonly kind: 'read'; readonly value: T } | Unopened> {
  try {
    const profiled = parseSealed(bytes, maxBytes);
    const decrypted = yield* decryptContent(provider, profiled, {
      ...{ keys: sealKeys, family: word, audiences: [RELAY_ADDRESS] },
    });
    if (decrypted === 'not-for-me') return { kind: 'not-for-me' };
    if (decrypted === null) return { kind: 'unverifiable' };
    const value = yield* read(decrypted.bytes, readSignedStart(decrypted.bytes));
    return equal(value.content.relay, identity) ? { kind: 'read', value } : { kind: 'not-for-me' };
  } catch (error) {
    if (error instanceof SealMQError && error.code.startsWith('DECODE_')) return { kind: 'malformed', error };
    throw error;
  }
}

/** Whether `key` signed the statement; false as well for a key of an algorithm that this backend lacks. */
export function* verifyAtRelay(
  provider: CryptoProvider,
  word: RelayWord,
  key: PublicKey,
  { signed }: Pick<OpenedStatement<unknown>, 'signed'>,
): Steps<boolean> {
  try {
    return yield* verify(provider, key, signed, { purpose: word });
  } catch (error) {
    if (error instanceof SealMQError) return false;
    throw error;
  }
}
