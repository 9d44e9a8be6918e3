import { describe, expect, test } from 'vitest';
import { type CborMap, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { decodeEncrypt } from '../../src/cose/encrypt.js';
import { encodeProtected, type HeaderMap } from '../../src/cose/header.js';
import { Header } from '../../src/cose/labels.js';
import { type Draft, openSync, sealSync } from '../../src/protocol/envelope/index.js';
import { forge } from './forgery.js';
import { contextOf, inShort, NOW, native, party } from './parties.js';
import { sloppyEncodings } from './sloppy.js';

const alice = await party('alice');
const bob = await party('bob');
const base = { from: alice, to: [bob.sealKey.publicKey], audience: 'bob' };
const opened = (sealed: Uint8Array) => inShort(openSync(native, sealed, contextOf(bob, [alice])));

const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(7), channel: 'c', seq: 1 };
const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
const REFUSED = /^malformed DECODE_(CBOR|COSE)$/;

describe('another encoding of the same data is refused', () => {
  test.each(sloppyEncodings(sealed))('COSE_Encrypt: $name', ({ bytes }) => {
    expect(opened(bytes)).toMatch(REFUSED);
  });

  test('the protected header of the encryption', () => {
    const parts = decodeEncrypt(sealed, 1);
    const recipients = parts.recipients.map((one) => [one.protectedBytes, one.unprotectedHeader, one.ciphertext]);
    const rebuilt = (protectedBytes: Uint8Array) =>
      encodeCbor(new Tagged(96, [protectedBytes, parts.unprotectedHeader, parts.ciphertext, recipients]));
    expect(opened(rebuilt(parts.protectedBytes))).toBe('opened');
    const variants = sloppyEncodings(parts.protectedBytes);
    expect(variants.length).toBeGreaterThan(5);
    for (const { bytes } of variants) expect(opened(rebuilt(bytes))).toMatch(REFUSED);
  });

  test('the protected header of a recipient', () => {
    const parts = decodeEncrypt(sealed, 1);
    const [one] = parts.recipients;
    const rebuilt = (protectedBytes: Uint8Array) => {
      const recipient = [protectedBytes, one?.unprotectedHeader ?? new Map(), one?.ciphertext ?? null];
      return encodeCbor(new Tagged(96, [parts.protectedBytes, parts.unprotectedHeader, parts.ciphertext, [recipient]]));
    };
    expect(opened(rebuilt(one?.protectedBytes ?? new Uint8Array(0)))).toBe('opened');
    for (const { bytes } of sloppyEncodings(one?.protectedBytes ?? new Uint8Array(0))) {
      expect(opened(rebuilt(bytes))).toMatch(REFUSED);
    }
  });

  test('COSE_Sign1 inside, from the sender itself', async () => {
    let count = 0;
    await forge({
      ...base,
      changeSigned(signed) {
        count = sloppyEncodings(signed).length;
        return signed;
      },
    });
    expect(count).toBeGreaterThan(8);
    for (let i = 0; i < count; i++) {
      const forged = await forge({ ...base, changeSigned: (signed) => sloppyEncodings(signed)[i]?.bytes ?? signed });
      expect(opened(forged)).toMatch(REFUSED);
    }
  });

  test('the signed header, though the signature covers the bytes as they stand', async () => {
    const variants = (header: HeaderMap) => sloppyEncodings(encodeProtected(header));
    let count = 0;
    await forge({
      ...base,
      encodeHeader(header) {
        count = variants(header).length;
        return encodeProtected(header);
      },
    });
    expect(count).toBeGreaterThan(20);
    for (let i = 0; i < count; i++) {
      const forged = await forge({ ...base, encodeHeader: (header) => variants(header)[i]?.bytes as Uint8Array });
      expect(opened(forged)).toMatch(REFUSED);
    }
  });
});

describe('padding', () => {
  test.each([
    [[0], 'opened'],
    [[0, 0, 0, 0], 'opened'],
    [[1], 'malformed DECODE_COSE'],
    [[0, 0, 0x20], 'malformed DECODE_COSE'],
    [[0x80], 'malformed DECODE_COSE'],
    [[0xf6, 0], 'malformed DECODE_COSE'],
    [[0xff], 'malformed DECODE_COSE'],
  ])('of %j: %s', async (padding, expected) => {
    expect(opened(await forge({ ...base, padding: Uint8Array.from(padding) }))).toBe(expected);
  });

  test('a second signed part behind the first is no padding', async () => {
    let first = new Uint8Array(0);
    await forge({
      ...base,
      changeSigned(signed) {
        first = signed.slice();
        return signed;
      },
    });
    expect(opened(await forge({ ...base, padding: first }))).toBe('malformed DECODE_COSE');
  });

  test('alone, without a signed part, is malformed', async () => {
    for (const length of [0, 1, 256]) {
      const forged = await forge({ ...base, changeSigned: () => new Uint8Array(length) });
      expect(opened(forged)).toMatch(REFUSED);
    }
  });
});

describe('the signed part must be a COSE_Sign1 of the profile', () => {
  test.each<[string, Parameters<typeof forge>[0]]>([
    ['without its payload', { ...base, payload: null }],
    ['with a critical label', { ...base, changeHeader: (header) => header.set(Header.crit, [Header.channel]) }],
    ['with crit unprotected', { ...base, signUnprotected: new Map([[Header.crit, [Header.channel]]]) }],
    ['with alg unprotected as well', { ...base, signUnprotected: new Map([[Header.alg, -19]]) }],
    ['without kid', { ...base, changeHeader: (header) => header.delete(Header.kid) }],
    ['with kid as text', { ...base, changeHeader: (header) => header.set(Header.kid, 'alice') }],
    ['as COSE_Encrypt', { ...base, changeSigned: () => sealed }],
    ['as COSE_Sign', { ...base, changeSigned: (signed) => Uint8Array.of(0xd8, 98, ...signed.subarray(1)) }],
    ['without its tag', { ...base, changeSigned: (signed) => signed.subarray(1) }],
  ])('%s', async (_, forgery) => {
    expect(opened(await forge(forgery))).toMatch(REFUSED);
  });

  test.each([
    ['alg and kid only unprotected', new Map<number, number | Uint8Array>([[Header.alg, -19]])],
    ['an empty header', new Map()],
  ])('%s', async (_, signUnprotected) => {
    const stripped = await forge({
      ...base,
      signUnprotected: signUnprotected as CborMap,
      changeHeader(header) {
        header.delete(Header.alg);
      },
    });
    expect(opened(stripped)).toBe('unverifiable VERIFY_SIGNATURE');
  });
});
