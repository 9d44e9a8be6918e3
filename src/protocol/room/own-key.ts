import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { generationOf, MAX_STEP, newSenderKey, ratchetSenderKey, type SenderKey, stepOf } from './sender-key.js';

/** Bounds of one key. */
export interface KeyBounds {
  /** Messages of frames, and heartbeats; default 2²⁴, a fraction of what AES-GCM bears (SP 800-38D §8.3). */
  readonly maxFrames: number;
  /** Milliseconds; default one day. */
  readonly maxAge: number;
}

export const KEY_BOUNDS: KeyBounds = { maxFrames: 2 ** 24, maxAge: 24 * 3600 * 1000 };

/** How long a new key waits for its receivers before it is used, in milliseconds. */
export const ROLLOUT_PATIENCE = 2_000;

/** Least time between two re-keyings that departures cause, in milliseconds: many departures, one key. */
export const REKEY_PAUSE = 1_000;

/** What frames are sealed with, and what follows: a member's own side, as a value. Times in milliseconds. */
export interface OwnKey {
  readonly current: SenderKey;
  /** The counter of the next frame. */
  readonly frames: number;
  readonly since: number;
  /** Given out, but not used before its receivers have it, or `useAt`. */
  readonly next: { readonly key: SenderKey; readonly useAt: number } | undefined;
  /** Somebody who holds the key has left: the next frame of the application needs another. */
  readonly rekeyDue: boolean;
  /** When a departure last caused a new key. */
  readonly rekeyedAt: number | undefined;
}

/** The state of a member that joins with `key`. A restart makes a new one, so that no nonce can come twice. */
export function startOwnKey(key: SenderKey, now: number): OwnKey {
  return { current: key, frames: 0, since: now, next: undefined, rekeyDue: false, rekeyedAt: undefined };
}

/** The key in use, for other frames than ours to count: it counts as used from now on. */
export function useKey(own: OwnKey): OwnKey {
  return { ...own, frames: Math.max(own.frames, 1) };
}

/** The key that a member is given who asks now: the one that comes, where one comes. */
export function offeredKey({ current, next }: OwnKey): SenderKey {
  return next?.key ?? current;
}

/** The state after a frame with the counter `frames`: that must be used at once, and never again. */
export function countFrame({ current, frames, since, next, rekeyDue, rekeyedAt }: OwnKey): OwnKey {
  // Spelled out: a spread costs more, for each frame.
  return { current, frames: frames + 1, since, next, rekeyDue, rekeyedAt };
}

/** A random key of the generation behind all that were offered. */
export function freshKey(provider: CryptoProvider, own: OwnKey): Steps<SenderKey> {
  return newSenderKey(provider, generationOf(offeredKey(own).kid) + 1);
}

/** The key that a newcomer may have: one that was never used, else the next ratchet step, which shows nothing of the past. */
export function* keyForNewcomer(provider: CryptoProvider, own: OwnKey): Steps<SenderKey> {
  if (own.next || own.frames === 0) return offeredKey(own);
  if (stepOf(own.current.kid) === MAX_STEP) return yield* freshKey(provider, own);
  return yield* ratchetSenderKey(provider, own.current);
}

/** Whether a key was used for long enough. */
export function isWorn({ frames, since, next }: OwnKey, now: number, { maxFrames, maxAge }: KeyBounds): boolean {
  return next === undefined && frames > 0 && (frames >= maxFrames || now - since >= maxAge);
}

/** Lets `key` follow, as soon as its receivers have it. One that came too late, behind another, is left out. */
export function follow(own: OwnKey, key: SenderKey, now: number): OwnKey {
  if (own.next || key.kid <= own.current.kid) return own;
  return { ...own, next: { key, useAt: now + ROLLOUT_PATIENCE } };
}

/** Takes the next key into use when `allHave` its KID, or its time has come. */
export function advance(own: OwnKey, allHave: (kid: number) => boolean, now: number): OwnKey {
  const { next } = own;
  if (!next || (now < next.useAt && !allHave(next.key.kid))) return own;
  return { ...own, current: next.key, frames: 0, since: now, next: undefined };
}

/** Milliseconds until the key that a departure makes due may be made; 0 for now. */
export function untilRekey({ rekeyedAt }: OwnKey, now: number): number {
  return rekeyedAt === undefined ? 0 : Math.max(0, rekeyedAt + REKEY_PAUSE - now);
}

/** Takes a {@link freshKey} into use at once: whoever left has none of it. `undefined` when another came in between. */
export function replaceKey(own: OwnKey, key: SenderKey, now: number): OwnKey | undefined {
  if (key.kid <= offeredKey(own).kid) return undefined;
  return { current: key, frames: 0, since: now, next: undefined, rekeyDue: false, rekeyedAt: now };
}
