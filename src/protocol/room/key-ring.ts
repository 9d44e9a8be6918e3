import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { emptyWindow, type ReplayWindow, seeCounter } from '../replay-window.js';
import {
  kidOf,
  leadsTo,
  MAX_GENERATION,
  MAX_STEP,
  ratchetSenderKey,
  type SenderKey,
  senderKeyOf,
} from './sender-key.js';
import { decryptFrame } from './sframe.js';
import { decodeSFrameHeader, type SFrameHeader } from './sframe-header.js';

/** How long frames in flight still open under a key that was followed by another, in milliseconds. */
export const OLD_KEY_LIFE = 60_000;

/** Most keys kept of one sender. */
const MAX_KEYS = 8;

const MAX_COUNTER = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_KID = BigInt(kidOf(MAX_GENERATION, MAX_STEP));

/** A key in a ring. */
export interface HeldKey {
  readonly key: SenderKey;
  readonly window: ReplayWindow;
  /** When a later one was learnt: opens nothing from then on. */
  readonly expiresAt?: number;
}

/** The keys of one sender that a receiver holds, as a value; the latest last. */
export interface KeyRing {
  readonly held: readonly HeldKey[];
}

/** Why a frame did not open; `unknown-key` may pass when the sender is asked. */
export type FrameRefusal = 'malformed' | 'replayed' | 'unknown-key' | 'old-key' | 'not-authentic';

/** What came of a frame. */
export type FrameOutcome =
  | { readonly kind: 'opened'; readonly plaintext: Uint8Array; readonly kid: number; readonly ctr: number }
  | { readonly kind: FrameRefusal; readonly kid?: number };

export const emptyRing: KeyRing = { held: [] };

/** The latest key, if there is one. */
export function latestKey({ held }: KeyRing): SenderKey | undefined {
  return held.at(-1)?.key;
}

/** The KID of the latest key, if there is one. */
export function latestKid(ring: KeyRing): number | undefined {
  return latestKey(ring)?.kid;
}

/**
 * The ring with a key that its sender gave. One that it holds, or has left behind, changes nothing.
 *
 * @param now - milliseconds
 */
export function* addKey(
  provider: CryptoProvider,
  ring: KeyRing,
  { kid, secret }: { readonly kid: number; readonly secret: Uint8Array },
  now: number,
): Steps<KeyRing> {
  const latest = latestKid(ring);
  if (latest !== undefined && kid <= latest) return ring;
  return append(ring, yield* senderKeyOf(provider, kid, secret), now);
}

/**
 * Opens a frame: under the key that its KID names, or under one of its generation ratcheted forward.
 *
 * @param now - milliseconds
 */
export function* openWithRing(
  provider: CryptoProvider,
  ring: KeyRing,
  frame: Uint8Array,
  metadata: Uint8Array,
  now: number,
): Steps<{ readonly ring: KeyRing; readonly outcome: FrameOutcome }> {
  const header = readHeader(frame);
  if (!header) return { ring, outcome: { kind: 'malformed' } };
  const [kid, ctr] = [Number(header.kid), Number(header.ctr)];
  const found = findHeld(ring, kid);
  if (typeof found === 'string') return { ring, outcome: { kind: found, kid } };
  if (found.expiresAt !== undefined && now >= found.expiresAt) return { ring, outcome: { kind: 'old-key', kid } };
  const steps = kid - found.key.kid;
  const key = steps === 0 ? found.key : yield* ratchetSenderKey(provider, found.key, steps);
  const window = seeCounter(steps === 0 ? found.window : emptyWindow, ctr);
  // Looked at before the work, believed after it.
  if (!window) return { ring, outcome: { kind: 'replayed', kid } };
  const plaintext = yield* decryptFrame(provider, key.frameKey, header, metadata, frame);
  if (!plaintext) return { ring, outcome: { kind: 'not-authentic', kid } };
  const grown = steps === 0 ? ring : append(ring, key, now, found.expiresAt);
  return { ring: replaceWindow(grown, kid, window), outcome: { kind: 'opened', plaintext, kid, ctr } };
}

/** A KID or a counter that is greater than a safe integer was never given. */
function readHeader(frame: Uint8Array): (SFrameHeader & { readonly length: number }) | undefined {
  try {
    const header = decodeSFrameHeader(frame);
    return header.ctr <= MAX_COUNTER && header.kid <= MAX_KID ? header : undefined;
  } catch {
    return undefined;
  }
}

function findHeld({ held }: KeyRing, kid: number): HeldKey | 'unknown-key' | 'old-key' {
  const exact = held.find(({ key }) => key.kid === kid);
  if (exact) return exact;
  const latest = held.at(-1);
  if (!latest) return 'unknown-key';
  if (leadsTo(latest.key.kid, kid)) return latest;
  return kid < latest.key.kid ? 'old-key' : 'unknown-key';
}

function append({ held }: KeyRing, key: SenderKey, now: number, expiresAt?: number): KeyRing {
  const older = held.map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? Infinity, now + OLD_KEY_LIFE) }));
  const added: HeldKey = { key, window: emptyWindow, ...(expiresAt !== undefined && { expiresAt }) };
  return { held: [...older, added].slice(-MAX_KEYS) };
}

function replaceWindow({ held }: KeyRing, kid: number, window: ReplayWindow): KeyRing {
  return { held: held.map((one) => (one.key.kid === kid ? { ...one, window } : one)) };
}
