import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes/bytes.js';
import type { CborMap, CborValue } from '../../src/bytes/cbor.js';
import { decodeEncrypt } from '../../src/cose/encrypt.js';
import { Header } from '../../src/cose/labels.js';
import type { WrappedKey } from '../../src/crypto/suites.js';
import { type Draft, open, sealSync } from '../../src/protocol/envelope/index.js';
import { hex } from '../bytes/hex.js';
import { forge } from './forgery.js';
import { backends, contextOf, inShort, NOW, native, type Party, party } from './parties.js';

const P256_PRIME = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const X = -2;
const Y = -3;

/** Points of small order, and their twins with the unused bit set (RFC 7748 §6.1, curve25519 "contributory behaviour"). */
const LOW_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
];

/** A message of Alice's in which the ephemeral key of the only recipient is another; her signature is over that. */
function withEphemeral(alice: Party, bob: Party, edit: (key: Map<number, CborValue>) => void): Promise<Uint8Array> {
  const changeRecipients = (recipients: WrappedKey[]) =>
    recipients.map((recipient) => {
      const key = new Map(recipient.unprotectedHeader.get(Header.ephemeralKey) as CborMap) as Map<number, CborValue>;
      edit(key);
      const unprotectedHeader = new Map([...recipient.unprotectedHeader, [Header.ephemeralKey, key] as const]);
      return { ...recipient, unprotectedHeader };
    });
  return forge({ from: alice, to: [bob.sealKey.publicKey], audience: 'bob', changeRecipients });
}

describe.each(backends)('on $name', async (provider) => {
  describe('an X25519 ephemeral key', async () => {
    const alice = await party('alice');
    const bob = await party('bob', provider);
    const opened = async (edit: (key: Map<number, CborValue>) => void) =>
      inShort(await open(provider, await withEphemeral(alice, bob, edit), contextOf(bob, [alice])));

    test('as it was made opens', async () => {
      expect(await opened(() => {})).toBe('opened');
    });

    test('with its unused bit set does not: the key derivation binds it as received', async () => {
      const setHighBit = (key: Map<number, CborValue>) => {
        const x = key.get(X) as Uint8Array;
        key.set(X, x.with(31, (x[31] ?? 0) | 0x80));
      };
      expect(await opened(setHighBit)).toBe('unverifiable VERIFY_DECRYPTION');
    });

    test.each(LOW_ORDER)('of low order, %s, does not', async (x) => {
      expect(await opened((key) => key.set(X, hex(x)))).toBe('unverifiable VERIFY_DECRYPTION');
    });

    test.each<[string, string, (key: Map<number, CborValue>) => void]>([
      ['of 31 bytes', 'malformed DECODE_KEY', (key) => key.set(X, new Uint8Array(31))],
      ['of 33 bytes', 'malformed DECODE_KEY', (key) => key.set(X, new Uint8Array(33))],
      ['on Ed25519', 'malformed DECODE_COSE', (key) => key.set(-1, 6)],
      ['on X448', 'malformed DECODE_KEY', (key) => key.set(-1, 5)],
      ['with a private key', 'malformed DECODE_KEY', (key) => key.set(-4, new Uint8Array(32))],
      ['without x', 'malformed DECODE_KEY', (key) => key.delete(X)],
      ['on P-256: addressed to a key that I do not have', 'not-for-me', (key) => toP256(key)],
    ])('%s is %s', async (_, expected, edit) => {
      expect(await opened(edit)).toBe(expected);
    });
  });

  describe('a P-256 ephemeral key', async () => {
    const alice = await party('alice', native, 'P256-ESP256');
    const bob = await party('bob', provider, 'P256-ESP256');
    const opened = async (edit: (key: Map<number, CborValue>) => void) =>
      inShort(await open(provider, await withEphemeral(alice, bob, edit), contextOf(bob, [alice])));

    test('as it was made opens', async () => {
      expect(await opened(() => {})).toBe('opened');
    });

    test('with the other y, which gives the same secret, does not: the key derivation binds y', async () => {
      const negate = (key: Map<number, CborValue>) => {
        const y = BigInt(`0x${Buffer.from(key.get(Y) as Uint8Array).toString('hex')}`);
        key.set(Y, hex((P256_PRIME - y).toString(16).padStart(64, '0')));
      };
      expect(await opened(negate)).toBe('unverifiable VERIFY_DECRYPTION');
    });

    test.each<[string, (key: Map<number, CborValue>) => void]>([
      ['a point that is not on the curve', (key) => key.set(Y, new Uint8Array(32).fill(1))],
      ['zero for both coordinates', (key) => key.set(X, new Uint8Array(32)).set(Y, new Uint8Array(32))],
      ['x beyond the field', (key) => key.set(X, new Uint8Array(32).fill(0xff))],
    ])('%s does not decrypt', async (_, edit) => {
      expect(await opened(edit)).toBe('unverifiable VERIFY_DECRYPTION');
    });

    test.each<[string, (key: Map<number, CborValue>) => void]>([
      ['compressed: y is its sign', (key) => key.set(Y, true)],
      ['compressed: y is left out', (key) => key.delete(Y)],
      ['an x of 31 bytes', (key) => key.set(X, new Uint8Array(31))],
      ['an uncompressed point as x', (key) => key.set(X, new Uint8Array(65).fill(4))],
      ['on P-384', (key) => key.set(-1, 2)],
    ])('%s is malformed', async (_, edit) => {
      expect(await opened(edit)).toBe('malformed DECODE_KEY');
    });
  });
});

test('every recipient of every message has an ephemeral key of its own', async () => {
  const [alice, bob, carol] = await Promise.all([party('alice'), party('bob'), party('carol')]);
  const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(1) };
  const recipients = [bob.sealKey.publicKey, carol.sealKey.publicKey];
  const keys = Array.from({ length: 20 }, () => sealSync(native, draft, { signKey: alice.signKey, recipients }))
    .flatMap((sealed) => decodeEncrypt(sealed, 2).recipients)
    .map(({ unprotectedHeader }) =>
      toHex((unprotectedHeader.get(Header.ephemeralKey) as CborMap).get(X) as Uint8Array),
    );
  expect(new Set(keys).size).toBe(40);
});

function toP256(key: Map<number, CborValue>): void {
  key.set(1, 2).set(-1, 1).set(Y, new Uint8Array(32));
}
