import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEncrypt } from '../../src/cose/encrypt.js';
import { DEFAULT_PADDING, type Draft, openSync, paddedLength, sealSync } from '../../src/protocol/envelope/index.js';
import { contextOf, NOW, native, party } from './parties.js';

const TAG_BYTES = 16;
const alice = await party('alice');
const bob = await party('bob');

/** Length of what is encrypted, for a payload of that many bytes. */
function plaintextLength(payload: number, padding?: Draft['padding']): number {
  const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: new Uint8Array(payload) };
  const padded = padding === undefined ? draft : { ...draft, padding };
  const sealed = sealSync(native, padded, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
  expect(openSync(native, sealed, contextOf(bob, [alice])).kind).toBe('opened');
  return decodeEncrypt(sealed, 1).ciphertext.length - TAG_BYTES;
}

describe('Padmé', () => {
  test.each([
    [1, 0, 1],
    [2, 0, 2],
    [9, 0, 10],
    [100, 0, 104],
    [256, 0, 256],
    [257, 0, 272],
    [1000, 0, 1024],
    [1_000_000, 0, 1_015_808],
    [100, 256, 256],
    [256, 256, 256],
    [300, 256, 304],
  ])('%i bytes with a minimum of %i become %i', (length, minimum, padded) => {
    expect(paddedLength(length, minimum)).toBe(padded);
  });

  test('never shortens, costs at most 12 %, keeps the order and is its own fixed point', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 << 19 }), fc.integer({ min: 0, max: 4096 }), (length, minimum) => {
        const padded = paddedLength(length, minimum);
        expect(padded).toBeGreaterThanOrEqual(Math.max(length, minimum));
        if (length > minimum) expect(padded).toBeLessThanOrEqual(Math.ceil(length * 1.12));
        expect(paddedLength(length + 1, minimum)).toBeGreaterThanOrEqual(padded);
        expect(paddedLength(padded, minimum)).toBe(padded);
      }),
      { numRuns: 2000 },
    );
  });
});

test('short messages all have the standard length', () => {
  const lengths = Array.from({ length: 60 }, (_, payload) => plaintextLength(payload));
  expect(new Set(lengths)).toEqual(new Set([DEFAULT_PADDING]));
});

test('without padding the length is that of the signed part, and tells the payload', () => {
  expect(plaintextLength(21, false) - plaintextLength(20, false)).toBe(1);
  expect(plaintextLength(20, false)).toBeLessThan(DEFAULT_PADDING);
});

test('padding counts the length of the signed part', () => {
  for (const payload of [300, 1000, 5000, 70_000]) {
    const bare = plaintextLength(payload, false);
    expect(plaintextLength(payload)).toBe(paddedLength(bare, DEFAULT_PADDING));
    expect(plaintextLength(payload, 0)).toBe(paddedLength(bare, 0));
    expect(plaintextLength(payload, 100_000)).toBe(100_000);
  }
});
