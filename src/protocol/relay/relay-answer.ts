import { type CborMap, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, isBytesOf, isCounter, isMap, present, readFields, toMap } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { assertPadded, decryptContent, readSignedStart } from '../envelope/decrypt-content.js';
import { encryptContent, freshKey } from '../envelope/encrypt-content.js';
import { padded } from '../envelope/padding.js';
import { parseSealed } from '../envelope/profile.js';
import { DEFAULT_PADDING } from '../envelope/seal.js';
import { sign, verify } from '../signed.js';
import { HAND_IN_NONCE_BYTES, MAX_RECEIVERS } from './hand-in.js';

/** Why one receiver gets no copy: nobody of that address is registered, or the broker does not take it. */
export type ReceiverRefusal = 'not-registered' | 'not-taken';

/**
 * Why nobody gets a copy: issued too far from the relay's time, or before what it still remembers; too many in too short a
 * time; more receivers or bytes than it takes.
 */
export type HandInRefusal = 'stale' | 'rate-limited' | 'too-many-receivers' | 'too-large';

/**
 * Why an update is not taken: issued too far from the relay's time; not later than one that was taken; too many in too short a
 * time; the endpoint is none that it pushes to, or the key none; it has no room.
 */
export type UpdateRefusal = 'stale' | 'outdated' | 'rate-limited' | 'bad-subscription' | 'full';

/** What the relay says of a hand-in, or an update. */
export interface RelayAnswer {
  /** The hand-in's. */
  readonly nonce: Uint8Array;
  /** Milliseconds of the relay's time, when it decided. */
  readonly now: number;
  /** Nobody got a copy, or the update was not taken, and why. */
  readonly refusal?: HandInRefusal | UpdateRefusal;
  /** With `rate-limited`: seconds until another try makes sense. */
  readonly retryAfter?: number;
  /** Receivers that got no copy, and why; all others have one in their queue. */
  readonly refused: ReadonlyMap<string, ReceiverRefusal>;
}

/** A longer one is no answer: in bytes. */
const MAX_ANSWER_BYTES = 1 << 16;

const RECEIVER_REFUSALS: readonly string[] = ['not-registered', 'not-taken'] satisfies ReceiverRefusal[];
const REFUSALS: readonly string[] = [
  'stale',
  'rate-limited',
  'too-many-receivers',
  'too-large',
  'outdated',
  'bad-subscription',
  'full',
] satisfies (HandInRefusal | UpdateRefusal)[];

const isRefusal: Check<HandInRefusal | UpdateRefusal> = (value): value is HandInRefusal | UpdateRefusal =>
  REFUSALS.includes(value as string);
const isRefused = (value: unknown): value is ReadonlyMap<string, ReceiverRefusal> =>
  isMap(value) &&
  value.size <= MAX_RECEIVERS &&
  [...value].every(([to, reason]) => isAddress(to) && RECEIVER_REFUSALS.includes(reason as string));

/** Deterministic CBOR of an answer. */
export function encodeRelayAnswer({ refused, ...answer }: RelayAnswer): Uint8Array {
  return encodeCbor(toMap({ ...answer, refused: refused as CborMap }));
}

/** Reads an answer. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeRelayAnswer(bytes: Uint8Array): RelayAnswer {
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'answer of the relay');
  return present({
    nonce: fields.required('nonce', isBytesOf(HAND_IN_NONCE_BYTES)),
    now: fields.required('now', isCounter),
    refusal: fields.optional('refusal', isRefusal),
    retryAfter: fields.optional('retryAfter', isCounter),
    refused: fields.required('refused', isRefused),
  });
}

/** Signs an answer and seals it to the device that handed in: nobody else is to read for whom it was. */
export function* sealRelayAnswer(
  provider: CryptoProvider,
  answer: RelayAnswer,
  signKey: PrivateKey,
  { address, sealKey }: { readonly address: string; readonly sealKey: PublicKey },
): Steps<Uint8Array> {
  return yield* encryptContent(provider, {
    ...freshKey(provider),
    ...{ family: 'relay', audience: address, recipients: [sealKey] },
    *plaintext() {
      const payload = encodeRelayAnswer(answer);
      return padded([yield* sign(provider, signKey, { purpose: 'relay-answer', payload })], DEFAULT_PADDING);
    },
  });
}

/**
 * Opens an answer.
 *
 * @param relay - signing keys of the relay's devices
 * @returns `undefined` for what is sealed to another device, or does not verify
 */
export function* openRelayAnswer(
  provider: CryptoProvider,
  bytes: Uint8Array,
  { address, keys }: { readonly address: string; readonly keys: readonly PrivateKey[] },
  relay: readonly PublicKey[],
): Steps<RelayAnswer | undefined> {
  try {
    const profiled = parseSealed(bytes, MAX_ANSWER_BYTES);
    const decrypted = yield* decryptContent(provider, profiled, { keys, family: 'relay', audiences: [address] });
    if (decrypted === null || decrypted === 'not-for-me') return undefined;
    const { sign1, payload, end } = readSignedStart(decrypted.bytes);
    assertPadded(decrypted.bytes, end);
    for (const key of relay) {
      if (yield* verify(provider, key, sign1, { purpose: 'relay-answer' })) return decodeRelayAnswer(payload);
    }
    return undefined;
  } catch (error) {
    if (error instanceof SealMQError) return undefined;
    throw error;
  }
}
