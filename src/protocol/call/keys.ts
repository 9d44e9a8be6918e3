import { concat } from '../../bytes/bytes.js';
import { encodeCbor } from '../../bytes/cbor.js';
import { hkdfExpand, hkdfExtract } from '../../crypto/hkdf-parts.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';

/** First item of everything that is hashed or expanded for a call. */
export const CALL_CONTEXT = 'sealmq/1 call';

/** One end of a call: the device that speaks. */
export interface Party {
  readonly address: string;
  /** Thumbprint (RFC 9679, 32 bytes) of the account's identity key. */
  readonly identity: Uint8Array;
  /** Thumbprint of the device's signing key, 32 bytes. */
  readonly signing: Uint8Array;
}

/** What the first transcript hash is over. */
export interface Transcript {
  readonly call: Uint8Array;
  /** SHA-256 of the dial's COSE_Sign1. */
  readonly dial: Uint8Array;
  readonly caller: Party;
  /** The device that answers. */
  readonly callee: Party;
  /** Ephemeral X25519 keys, 32 bytes each. */
  readonly callerKey: Uint8Array;
  readonly calleeKey: Uint8Array;
}

/** What the handshake itself is encrypted under, 32 bytes each, and what leads on. */
export interface HandshakeKeys {
  readonly offer: Uint8Array;
  readonly answer: Uint8Array;
  readonly 'ice-a': Uint8Array;
  readonly 'ice-b': Uint8Array;
  readonly th1: Uint8Array;
  readonly prk1: Uint8Array;
}

/** What messages are encrypted under, 32 bytes each: `msg-a` by the caller, `msg-b` by the callee. */
export interface MessageKeys {
  readonly 'msg-a': Uint8Array;
  readonly 'msg-b': Uint8Array;
}

/** `th1` (design §8). */
export function* firstHash(provider: CryptoProvider, transcript: Transcript): Steps<Uint8Array> {
  const { call, dial, caller, callee, callerKey, calleeKey } = transcript;
  const parties = [caller.address, callee.address, caller.identity, callee.identity, caller.signing, callee.signing];
  return yield* step(provider.sha256(encodeCbor([CALL_CONTEXT, call, dial, ...parties, callerKey, calleeKey])));
}

/** `th2` = SHA-256(th1 ‖ SHA-256(offer) ‖ SHA-256(answer)). */
export function* secondHash(
  provider: CryptoProvider,
  { th1, offer, answer }: { readonly th1: Uint8Array; readonly offer: Uint8Array; readonly answer: Uint8Array },
): Steps<Uint8Array> {
  return yield* step(provider.sha256(concat(th1, offer, answer)));
}

/**
 * The keys of offer, answer and candidates: PRK1 = HKDF-Extract(th1, X25519(EA, EB)).
 *
 * @param shared - the X25519 secret, 32 bytes
 */
export function* handshakeKeys(
  provider: CryptoProvider,
  transcript: Transcript,
  shared: Uint8Array,
): Steps<HandshakeKeys> {
  const th1 = yield* firstHash(provider, transcript);
  const prk1 = yield* hkdfExtract(provider, th1, shared);
  const expand = (label: string) => hkdfExpand(provider, prk1, labelled(label, transcript.call));
  return {
    ...{ th1, prk1 },
    offer: yield* expand('offer'),
    answer: yield* expand('answer'),
    'ice-a': yield* expand('ice-a'),
    'ice-b': yield* expand('ice-b'),
  };
}

/**
 * The keys of messages: PRK2 = HKDF-Extract(th2, PRK1).
 *
 * @param offer - SHA-256 of the offer's COSE_Sign1
 * @param answer - SHA-256 of the answer's
 */
export function* messageKeys(
  provider: CryptoProvider,
  { th1, prk1 }: Pick<HandshakeKeys, 'th1' | 'prk1'>,
  { call, offer, answer }: { readonly call: Uint8Array; readonly offer: Uint8Array; readonly answer: Uint8Array },
): Steps<MessageKeys> {
  const prk2 = yield* hkdfExtract(provider, yield* secondHash(provider, { th1, offer, answer }), prk1);
  return {
    'msg-a': yield* hkdfExpand(provider, prk2, labelled('msg-a', call)),
    'msg-b': yield* hkdfExpand(provider, prk2, labelled('msg-b', call)),
  };
}

function labelled(label: string, call: Uint8Array): Uint8Array {
  return encodeCbor([CALL_CONTEXT, label, call]);
}
