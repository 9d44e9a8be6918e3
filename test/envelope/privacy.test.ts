import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.js';
import type { PublicKey } from '../../src/cose/key.js';
import { suites } from '../../src/crypto/suites.js';
import { type Draft, open, sealSync } from '../../src/protocol/envelope/index.js';
import { contextOf, NOW, native, type Party, party, thumbprintOf } from './parties.js';

const PAYLOAD = utf8('the drawing is in the second drawer');

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(part));
}

describe.each(suites)('a message of suite $name', async ({ name }) => {
  const alice = await party('alice-in-chains', native, name);
  const bob = await party('bob-the-builder', native, name);
  const draft: Draft = {
    from: alice.address,
    audience: bob.address,
    issuedAt: NOW,
    payload: PAYLOAD,
    channel: 'telemetry/temperature',
    contentType: 'application/x-secret',
    to: 'carol-of-the-bells',
    id: new Uint8Array(16).fill(0xc7),
    padding: false,
  };
  const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });

  test.each<[string, Uint8Array]>([
    ["the sender's address", utf8(alice.address)],
    ["the receiver's address", utf8(bob.address)],
    ["the sender's kid", thumbprintOf(alice.signKey)],
    ["the beginning of the sender's kid", thumbprintOf(alice.signKey).subarray(0, 4)],
    ["the sender's public key", publicBytes(alice)],
    ['the payload', PAYLOAD],
    ['a piece of the payload', PAYLOAD.subarray(4, 12)],
    ['the channel', utf8('telemetry')],
    ['the content type', utf8('x-secret')],
    ['whom a copy is of', utf8('carol')],
    ['the id', new Uint8Array(16).fill(0xc7)],
    ["the receiver's full thumbprint", thumbprintOf(bob.sealKey)],
  ])('does not show %s', (_, part) => {
    expect(holds(sealed, part)).toBe(false);
  });

  test('two of them have nothing in common but what the suite and the receiver fix', () => {
    const again = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
    const common = [...sealed].filter((byte, i) => byte === again[i]).length;
    // Headers, kid and labels; one byte of the rest in 256 is alike by chance.
    expect(common).toBeLessThan(150);
  });
});

test('no error of any outcome quotes payload, address or key', async () => {
  const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
  const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: PAYLOAD, padding: false };
  const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
  const texts = new Set<string>();
  for (let i = 0; i < sealed.length; i++) {
    const outcome = await open(native, sealed.with(i, (sealed[i] ?? 0) ^ 0x55), contextOf(bob, [alice]));
    if ('error' in outcome) texts.add(`${outcome.error.message} ${outcome.error.stack?.split('\n')[0]}`);
  }
  expect(texts.size).toBeGreaterThan(0);
  for (const text of texts) expect(text).not.toMatch(/alice|bob|drawer|[0-9a-f]{8}|\d{4}/);
});

function publicBytes({ signKey: { publicKey } }: Party): Uint8Array {
  const key: PublicKey = publicKey;
  return key.kty === 'RSA' ? key.n.subarray(0, 16) : key.x.subarray(0, 16);
}
