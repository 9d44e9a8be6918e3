import { expect, test } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import {
  addKey,
  emptyRing,
  type KeyRing,
  latestKid,
  MAX_AHEAD,
  openWithRing,
} from '../../src/protocol/room/key-ring.js';
import { newSenderKey, ratchetSenderKey, type SenderKey } from '../../src/protocol/room/sender-key.js';
import { sealFrame } from '../../src/protocol/room/sframe.js';

const native = nativeProvider();
const metadata = Uint8Array.of(1, 2, 3);
let derivations = 0;
const provider: CryptoProvider = {
  ...native,
  hkdf(...given) {
    derivations++;
    return native.hkdf(...given);
  },
};

const first = atOnce(run(newSenderKey(native, 0)));
const ring = atOnce(run(addKey(native, emptyRing, first, 0)));
const stepsOn = (steps: number): SenderKey => atOnce(run(ratchetSenderKey(native, first, steps)));
const frameUnder = (key: SenderKey, ctr = 0) =>
  atOnce(run(sealFrame(native, key.frameKey, BigInt(ctr), metadata, Uint8Array.of(7))));

function open(from: KeyRing, frame: Uint8Array) {
  derivations = 0;
  const { ring: next, outcome } = atOnce(run(openWithRing(provider, from, frame, metadata, 0)));
  return { next, outcome, derivations };
}

/** A frame that names a key so many steps ahead, of somebody who does not have it. */
function forged(steps: number, ctr = 0): Uint8Array {
  const frame = frameUnder(stepsOn(steps), ctr);
  (frame[frame.length - 1] as number) ^= 1;
  return frame;
}

test('what names a key far ahead costs no derivation: its sender is asked', () => {
  const far = open(ring, frameUnder(stepsOn(MAX_AHEAD + 1)));
  expect(far).toMatchObject({ outcome: { kind: 'unknown-key', kid: MAX_AHEAD + 1 }, derivations: 0 });
  const asked = atOnce(run(addKey(native, ring, stepsOn(MAX_AHEAD + 1), 0)));
  expect(open(asked, frameUnder(stepsOn(MAX_AHEAD + 1))).outcome.kind).toBe('opened');
});

test('what names a key ahead and does not open is derived for once, however often it comes', () => {
  let now = ring;
  let work = 0;
  for (let i = 0; i < 200; i++) {
    const { next, outcome, derivations: cost } = open(now, forged(1 + (i % MAX_AHEAD), i));
    expect(outcome.kind).toBe('not-authentic');
    work += cost;
    now = next;
  }
  // For each of the keys: the steps that lead to it, its key and its salt.
  expect(work).toBe((MAX_AHEAD * (MAX_AHEAD + 1)) / 2 + 2 * MAX_AHEAD);
  expect(latestKid(now)).toBe(0);
  const genuine = open(now, frameUnder(stepsOn(3)));
  expect(genuine).toMatchObject({ outcome: { kind: 'opened', kid: 3 }, derivations: 0 });
  expect(genuine.next.ahead).toBeUndefined();
  expect(open(genuine.next, frameUnder(stepsOn(3))).outcome.kind).toBe('replayed');
  expect(open(genuine.next, frameUnder(first)).outcome.kind).toBe('opened');
});

test('a frame of an earlier key that is still open keeps what was derived ahead', () => {
  const { next } = open(ring, forged(5));
  const { next: after } = open(next, frameUnder(first));
  expect(open(after, frameUnder(stepsOn(5)))).toMatchObject({ outcome: { kind: 'opened' }, derivations: 0 });
});
