import { describe, expect, test } from 'vitest';
import { run } from '../../src/crypto/steps.js';
import { deriveFrameKey, openFrame, ratchetBaseKey, sealFrame } from '../../src/protocol/room/sframe.js';
import { decodeSFrameHeader, encodeSFrameHeader } from '../../src/protocol/room/sframe-header.js';
import { ROOM_SUITE, sframeSuites } from '../../src/protocol/room/sframe-suites.js';
import { backends, flip, hex, readVectors } from '../crypto/backends.js';

type Frame = Record<'base_key' | 'sframe_key' | 'sframe_salt' | 'metadata' | 'nonce' | 'aad' | 'pt' | 'ct', string> & {
  cipher_suite: number;
  kid: number;
  ctr: number;
};

const vectors = readVectors<{ header: Record<'kid' | 'ctr' | 'encoded', string>[]; sframe: Frame[] }>('sframe.json');
const ofGcm = vectors.sframe.flatMap((vector) => {
  const suite = sframeSuites.find(({ id }) => id === vector.cipher_suite);
  return suite ? [{ name: suite.name, suite, vector }] : [];
});

describe('the header (RFC 9605 §4.3)', () => {
  test('is that of the published vectors, both ways', () => {
    expect(vectors.header).toHaveLength(289);
    for (const { kid, ctr, encoded } of vectors.header) {
      const header = { kid: BigInt(kid), ctr: BigInt(ctr) };
      expect(encodeSFrameHeader(header)).toEqual(hex(encoded));
      expect(decodeSFrameHeader(hex(`${encoded}ffff`))).toEqual({ ...header, length: encoded.length / 2 });
    }
  });

  test.each(['', '80', '08', '8801', 'f0ffffffffffffff', '0807', '080000', '8007', '900001'])(
    'refuses %j: cut off, or not the shortest form',
    (bytes) => {
      expect(() => decodeSFrameHeader(hex(bytes))).toThrow(expect.objectContaining({ code: 'DECODE_COSE' }));
    },
  );

  test.each([-1n, 2n ** 64n])('does not hold %s', (kid) => {
    expect(() => encodeSFrameHeader({ kid, ctr: 0n })).toThrow(
      expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }),
    );
  });
});

test('all suites with AES-GCM are among the published vectors', () => {
  expect(ofGcm.map(({ suite }) => suite.id)).toEqual(sframeSuites.map(({ id }) => id));
});

describe.each(backends)('on $label', ({ provider }) => {
  test.each(ofGcm)('$name is that of the published vectors', async ({ suite, vector }) => {
    const key = await run(deriveFrameKey(provider, suite, hex(vector.base_key), BigInt(vector.kid)));
    expect(key.key).toEqual(hex(vector.sframe_key));
    expect(key.salt).toEqual(hex(vector.sframe_salt));
    const metadata = hex(vector.metadata);
    const frame = await run(sealFrame(provider, key, BigInt(vector.ctr), metadata, hex(vector.pt)));
    expect(frame).toEqual(hex(vector.ct));
    expect(await run(openFrame(provider, key, metadata, frame))).toEqual(hex(vector.pt));
  });

  test('a frame opens with its own key, header and metadata only', async () => {
    const key = await run(deriveFrameKey(provider, ROOM_SUITE, hex('07'.repeat(32)), 256n));
    const other = await run(deriveFrameKey(provider, ROOM_SUITE, hex('07'.repeat(32)), 257n));
    const frame = await run(sealFrame(provider, key, 300n, hex('aa'), hex('010203')));
    expect(await run(openFrame(provider, other, hex('aa'), frame))).toBeNull();
    expect(await run(openFrame(provider, key, hex('ab'), frame))).toBeNull();
    // From the last byte of the counter on: what stands before decides how the rest is read.
    for (let i = 4; i < frame.length; i++) {
      expect(await run(openFrame(provider, key, hex('aa'), flip(frame, i)))).toBeNull();
    }
  });

  test('the ratchet is HKDF of the base key (RFC 9605 §5.1)', async () => {
    const next = await run(ratchetBaseKey(provider, ROOM_SUITE, hex('07'.repeat(32))));
    const label = new TextEncoder().encode('SFrame 1.0 Ratchet');
    expect(next).toEqual(await provider.hkdf('SHA-512', hex('07'.repeat(32)), hex(''), label, 64));
  });
});
