import type { CryptoProvider } from '../../crypto/provider.js';
import { after, type Steps, settled, step } from '../../crypto/steps.js';
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

/** How far a frame may be ahead, in ratchet steps: whoever has missed more asks for the key. */
export const MAX_AHEAD = 16;

const MAX_COUNTER = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_KID = BigInt(kidOf(MAX_GENERATION, MAX_STEP));

/** A key in a ring. */
export interface HeldKey {
  readonly key: SenderKey;
  readonly window: ReplayWindow;
  /** When a later one was learnt: opens nothing from then on. */
  readonly expiresAt: number | undefined;
}

/** The keys of one sender that a receiver holds, as a value; the latest last. */
export interface KeyRing {
  readonly held: readonly HeldKey[];
  /** Keys that frames have named ahead of the latest, whoever made those: derived once, however many frames follow. */
  readonly ahead?: readonly SenderKey[];
}

/** Why a frame did not open; `unknown-key` may pass when the sender is asked. */
export type FrameRefusal = 'malformed' | 'replayed' | 'unknown-key' | 'old-key' | 'not-authentic';

/** What came of a frame. */
export type FrameOutcome =
  | { readonly kind: 'opened'; readonly plaintext: Uint8Array; readonly kid: number; readonly ctr: number }
  | { readonly kind: FrameRefusal; readonly kid?: number };

/** What came of a frame, and the ring as it is then. */
export interface OpenedFrame {
  readonly ring: KeyRing;
  readonly outcome: FrameOutcome;
}

type Header = SFrameHeader & { readonly length: number };

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
export function openWithRing(
  provider: CryptoProvider,
  ring: KeyRing,
  frame: Uint8Array,
  metadata: Uint8Array,
  now: number,
): Steps<OpenedFrame> {
  const refused = (kind: FrameRefusal, kid?: number) =>
    settled<OpenedFrame>({ ring, outcome: kid === undefined ? { kind } : { kind, kid } });
  const header = readHeader(frame);
  if (!header) return refused('malformed');
  const [kid, ctr] = [Number(header.kid), Number(header.ctr)];
  const found = findHeld(ring, kid);
  if (typeof found === 'string') return refused(found, kid);
  if (found.expiresAt !== undefined && now >= found.expiresAt) return refused('old-key', kid);
  if (kid > found.key.kid) return openAhead(provider, ring, found, { frame, header, metadata, now });
  const window = seeCounter(found.window, ctr);
  // Looked at before the work, believed after it.
  if (!window) return refused('replayed', kid);
  const decrypted = decryptFrame(provider, found.key.frameKey, header, metadata, frame);
  return step(after(decrypted, (plaintext) => opened(ring, ring, { plaintext, kid, ctr, window })));
}

/** A frame under a key of the same generation, ratcheted forward. */
function* openAhead(
  provider: CryptoProvider,
  ring: KeyRing,
  { key: held, expiresAt }: HeldKey,
  { frame, header, metadata, now }: { frame: Uint8Array; header: Header; metadata: Uint8Array; now: number },
): Steps<OpenedFrame> {
  const [kid, ctr] = [Number(header.kid), Number(header.ctr)];
  const window = seeCounter(emptyWindow, ctr) as ReplayWindow;
  const known = ring.ahead?.find((one) => one.kid === kid);
  const key = known ?? (yield* ratchetSenderKey(provider, held, kid - held.kid));
  const plaintext = yield* step(decryptFrame(provider, key.frameKey, header, metadata, frame));
  // Nobody has vouched for the key yet, so it does not follow the held one; but it need not be derived again.
  const tried = known ? ring : { ...ring, ahead: [...(ring.ahead ?? []), key] };
  return opened(tried, append(ring, key, now, expiresAt), { plaintext, kid, ctr, window });
}

/** The outcome of a decryption; only one that succeeded changes the ring. */
function opened(
  ring: KeyRing,
  grown: KeyRing,
  { plaintext, kid, ctr, window }: { plaintext: Uint8Array | null; kid: number; ctr: number; window: ReplayWindow },
): OpenedFrame {
  if (!plaintext) return { ring, outcome: { kind: 'not-authentic', kid } };
  return { ring: replaceWindow(grown, kid, window), outcome: { kind: 'opened', plaintext, kid, ctr } };
}

/** A KID or a counter that is greater than a safe integer was never given. */
function readHeader(frame: Uint8Array): Header | undefined {
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
  if (leadsTo(latest.key.kid, kid) && kid - latest.key.kid <= MAX_AHEAD) return latest;
  return kid < latest.key.kid ? 'old-key' : 'unknown-key';
}

function append({ held }: KeyRing, key: SenderKey, now: number, expiresAt?: number): KeyRing {
  const older = held.map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? Infinity, now + OLD_KEY_LIFE) }));
  return { held: [...older, { key, window: emptyWindow, expiresAt }].slice(-MAX_KEYS) };
}

function replaceWindow({ held, ahead }: KeyRing, kid: number, window: ReplayWindow): KeyRing {
  // Spelled out: a spread costs more, for each frame.
  const replaced = ({ key, expiresAt }: HeldKey): HeldKey => ({ key, window, expiresAt });
  const replacedAll = held.map((one) => (one.key.kid === kid ? replaced(one) : one));
  return ahead ? { held: replacedAll, ahead } : { held: replacedAll };
}
