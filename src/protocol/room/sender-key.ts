import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { deriveFrameKey, type FrameKey, ratchetBaseKey } from './sframe.js';
import { ROOM_SUITE } from './sframe-suites.js';

/** Bits of a KID that count ratchet steps; the generation stands above them (RFC 9605 §5.1). */
const STEP_BITS = 8;

/** After as many ratchet steps a new generation is due. */
export const MAX_STEP = 2 ** STEP_BITS - 1;

/** So that a KID stays a safe integer, and a header short. */
export const MAX_GENERATION = 2 ** 40;

const SECRET_BYTES = 32;

/** A base key at one of its ratchet steps, and what frames are encrypted with. */
export interface SenderKey {
  readonly kid: number;
  /** 32 random bytes, or what they were ratcheted to. */
  readonly secret: Uint8Array;
  readonly frameKey: FrameKey;
}

/** `generation ≪ 8 | step`. */
export function kidOf(generation: number, step: number): number {
  return generation * 2 ** STEP_BITS + step;
}

export function generationOf(kid: number): number {
  return Math.floor(kid / 2 ** STEP_BITS);
}

export function stepOf(kid: number): number {
  return kid % 2 ** STEP_BITS;
}

/** Whether the holder of the key `held` has, or can find, the key `kid`: the same generation, ratcheted forward. */
export function leadsTo(held: number | undefined, kid: number): boolean {
  return held !== undefined && held <= kid && generationOf(held) === generationOf(kid);
}

/** The key of these bytes. */
export function* senderKeyOf(provider: CryptoProvider, kid: number, secret: Uint8Array): Steps<SenderKey> {
  return { kid, secret, frameKey: yield* deriveFrameKey(provider, ROOM_SUITE, secret, BigInt(kid)) };
}

/** A fresh random key that begins a generation. */
export function newSenderKey(provider: CryptoProvider, generation: number): Steps<SenderKey> {
  return senderKeyOf(provider, kidOf(generation, 0), provider.randomBytes(SECRET_BYTES));
}

/** The key `steps` ratchet steps on, within its generation. */
export function* ratchetSenderKey(provider: CryptoProvider, { kid, secret }: SenderKey, steps = 1): Steps<SenderKey> {
  let next = secret;
  for (let i = 0; i < steps; i++) next = yield* ratchetBaseKey(provider, ROOM_SUITE, next);
  return yield* senderKeyOf(provider, kid + steps, next);
}
