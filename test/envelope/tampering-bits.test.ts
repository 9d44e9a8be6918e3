import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.js';
import { type Draft, openSync, sealSync } from '../../src/protocol/envelope/index.js';
import { contextOf, NOW, native, party } from './parties.js';

/** Every `stride`-th bit is flipped, one at a time: RSA takes a millisecond for each. */
const cases = [
  { suite: 'X25519-Ed25519', stride: 1 },
  { suite: 'P256-ESP256', stride: 1 },
  { suite: 'RSA3072-PS256', stride: 7 },
] as const;

test.each(cases)(
  'no flipped bit of a $suite message goes unnoticed',
  { timeout: 60_000 },
  async ({ suite, stride }) => {
    const [alice, bob] = await Promise.all([party('alice', native, suite), party('bob', native, suite)]);
    const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: utf8('hello'), seq: 1, stream: 1 };
    const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
    const context = contextOf(bob, [alice]);
    expect(openSync(native, sealed, context).kind).toBe('opened');

    const kinds = new Map<string, number>();
    for (let bit = 0; bit < sealed.length * 8; bit += stride) {
      const tampered = sealed.slice();
      tampered[bit >> 3] = (tampered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { kind } = openSync(native, tampered, context);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    // Structure, kid, and everything else: nothing opens, nothing throws, and no sender is looked up in vain.
    expect([...kinds.keys()].sort()).toEqual(['malformed', 'not-for-me', 'unverifiable']);
  },
);

test('no byte string opens that a message becomes by losing its end or gaining one', async () => {
  const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
  const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: utf8('hello') };
  const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
  const context = contextOf(bob, [alice]);
  for (let end = 0; end < sealed.length; end++) {
    expect(openSync(native, sealed.subarray(0, end), context).kind).toBe('malformed');
  }
  for (const extra of [0x00, 0x80, 0xff]) {
    expect(openSync(native, Uint8Array.of(...sealed, extra), context).kind).toBe('malformed');
  }
});
