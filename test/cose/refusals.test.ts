import { describe, expect, test } from 'vitest';
import { type CborValue, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { decodeEncrypt } from '../../src/cose/encrypt.js';
import { decodeProtected } from '../../src/cose/header.js';
import { decodePrivateKey, encodePrivateKey, readPublicKey } from '../../src/cose/key.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { codeOf } from '../bytes/error-code.js';
import { hex } from '../bytes/hex.js';

const NOTHING = new Uint8Array(0);
const NO_LABELS = new Map();
const map = (...entries: [number | string, CborValue][]) => new Map(entries);

describe('COSE_Sign1', () => {
  const good: CborValue[] = [NOTHING, NO_LABELS, hex('01'), hex('02')];
  const sign1 = (...parts: CborValue[]) => encodeCbor(new Tagged(18, parts));
  const withPart = (index: number, value: CborValue) => sign1(...good.with(index, value));

  test('the unaltered one is read', () => {
    expect(codeOf(() => decodeSign1(sign1(...good)))).toBe('nothing thrown');
  });

  test.each<[string, Uint8Array]>([
    ['no tag', encodeCbor(good)],
    ['the tag of COSE_Encrypt0', encodeCbor(new Tagged(16, good))],
    ['a tag around the tag', encodeCbor(new Tagged(18, new Tagged(18, good)))],
    ['three parts', sign1(...good.slice(1))],
    ['five parts', sign1(...good, null)],
    ['a map', encodeCbor(new Tagged(18, NO_LABELS))],
    ['a protected header that is a map, not bytes', withPart(0, NO_LABELS)],
    ['a protected header of an empty map', withPart(0, hex('a0'))],
    ['a protected header of an array', withPart(0, hex('80'))],
    ['an unprotected header of bytes', withPart(1, NOTHING)],
    ['an unprotected header of null', withPart(1, null)],
    ['a payload of text', withPart(2, 'x')],
    ['a payload of undefined length', withPart(2, 1)],
    ['a signature of null', withPart(3, null)],
    ['a critical label', withPart(0, encodeCbor(map([2, [1]])))],
    ['an empty list of critical labels', withPart(0, encodeCbor(map([2, []])))],
    ['a critical label that is not protected', withPart(1, map([2, [1]]))],
    ['a label both protected and unprotected', sign1(encodeCbor(map([4, 1])), map([4, 1]), null, NOTHING)],
  ])('%s is refused', (_, bytes) => {
    expect(codeOf(() => decodeSign1(bytes))).toBe('DECODE_COSE');
  });

  test.each<[string, Uint8Array]>([
    ['a protected header that is not deterministic', withPart(0, hex('a2 04 00 01 00'))],
    ['a protected header with a repeated label', withPart(0, hex('a2 01 00 01 00'))],
    ['a protected header with bytes behind it', withPart(0, hex('a1 01 00 00'))],
    ['a protected header with a label of bytes', withPart(0, hex('a1 41 01 00'))],
    ['nothing', NOTHING],
    ['bytes behind it', new Uint8Array([...sign1(...good), 0])],
  ])('%s is refused as CBOR', (_, bytes) => {
    expect(codeOf(() => decodeSign1(bytes))).toBe('DECODE_CBOR');
  });
});

test('an empty protected header is the empty byte string and nothing else (RFC 9052 §3)', () => {
  expect(decodeProtected(NOTHING)).toEqual(NO_LABELS);
  expect(codeOf(() => decodeProtected(hex('a0')))).toBe('DECODE_COSE');
});

describe('COSE_Encrypt', () => {
  const recipient: CborValue[] = [NOTHING, NO_LABELS, hex('01')];
  const good: CborValue[] = [NOTHING, NO_LABELS, hex('02'), [recipient]];
  const encrypt = (...parts: CborValue[]) => encodeCbor(new Tagged(96, parts));
  const withPart = (index: number, value: CborValue) => encrypt(...good.with(index, value));
  const decode = (bytes: Uint8Array) => codeOf(() => decodeEncrypt(bytes, 256));

  test('the unaltered one is read', () => {
    expect(decode(encrypt(...good))).toBe('nothing thrown');
  });

  test.each<[string, Uint8Array]>([
    ['nothing', NOTHING],
    ['no tag', encodeCbor(good)],
    ['the tag of COSE_Sign1', encodeCbor(new Tagged(18, good))],
    ['three parts', encrypt(...good.slice(1))],
    ['five parts', encrypt(...good, null)],
    ['a protected header that is a map, not bytes', withPart(0, NO_LABELS)],
    ['an unprotected header of null', withPart(1, null)],
    ['a detached ciphertext', withPart(2, null)],
    ['no recipients', withPart(3, [])],
    ['recipients of null', withPart(3, null)],
    ['recipients in a map', withPart(3, NO_LABELS)],
    ['257 recipients', withPart(3, new Array(257).fill(recipient))],
    ['a recipient of two parts', withPart(3, [recipient.slice(1)])],
    ['a recipient of four parts', withPart(3, [[...recipient, []]])],
    ['a recipient whose key is null', withPart(3, [recipient.with(2, null)])],
    ['a recipient with a critical label', withPart(3, [recipient.with(0, encodeCbor(map([2, [1]])))])],
    ['a recipient that repeats a label', withPart(3, [[encodeCbor(map([1, 1])), map([1, 1]), NOTHING]])],
    ['a recipient with an encoded empty header', withPart(3, [recipient.with(0, hex('a0'))])],
    ['a header of two kilobytes', withPart(1, map([99, new Uint8Array(2048)]))],
    ['recipients of a megabyte', withPart(3, [[NOTHING, map([99, new Uint8Array(1 << 20)]), NOTHING]])],
    ['bytes behind it', new Uint8Array([...encrypt(...good), 0])],
  ])('%s is refused', (_, bytes) => {
    expect(decode(bytes)).toBe('DECODE_COSE');
  });

  test('256 recipients are read', () => {
    expect(decode(withPart(3, new Array(256).fill(recipient)))).toBe('nothing thrown');
  });

  test('is refused at every length it may be cut to', () => {
    const bytes = encrypt(...good);
    for (let end = 3; end < bytes.length; end++) expect(decode(bytes.subarray(0, end))).toBe('DECODE_CBOR');
  });
});

describe('public COSE_Key', () => {
  const x = new Uint8Array(32).fill(1);
  const modulus = new Uint8Array(384).fill(0xff);
  const exponent = hex('010001');

  test.each<[string, CborValue]>([
    ['not a map', [1, 1]],
    ['empty', NO_LABELS],
    ['a symmetric key', map([1, 4], [-1, x])],
    ['kty as text', map([1, 'OKP'], [-1, 4], [-2, x])],
    ['OKP on a curve of the other family', map([1, 1], [-1, 1], [-2, x])],
    ['OKP on X448', map([1, 1], [-1, 5], [-2, new Uint8Array(56)])],
    ['OKP of 31 bytes', map([1, 1], [-1, 4], [-2, x.subarray(1)])],
    ['OKP of 33 bytes', map([1, 1], [-1, 4], [-2, new Uint8Array(33)])],
    ['OKP with x as text', map([1, 1], [-1, 4], [-2, 'x'])],
    ['OKP with its private key', map([1, 1], [-1, 4], [-2, x], [-4, x])],
    ['OKP with an alg', map([1, 1], [3, -19], [-1, 6], [-2, x])],
    ['EC2 on P-384', map([1, 2], [-1, 2], [-2, x], [-3, x])],
    ['EC2 compressed: y is a sign', map([1, 2], [-1, 1], [-2, x], [-3, true])],
    ['EC2 without y', map([1, 2], [-1, 1], [-2, x])],
    ['EC2 with a y of 31 bytes', map([1, 2], [-1, 1], [-2, x], [-3, x.subarray(1)])],
    ['EC2 with its private key', map([1, 2], [-1, 1], [-2, x], [-3, x], [-4, x])],
    ['RSA of 2,048 bits', map([1, 3], [-1, modulus.subarray(0, 256)], [-2, exponent])],
    ['RSA of 3,071 bits', map([1, 3], [-1, modulus.with(0, 0x7f)], [-2, exponent])],
    ['RSA of 4,104 bits', map([1, 3], [-1, new Uint8Array(513).fill(0xff)], [-2, exponent])],
    ['RSA with a leading zero', map([1, 3], [-1, new Uint8Array([0, ...modulus])], [-2, exponent])],
    ['RSA with exponent 3', map([1, 3], [-1, modulus], [-2, hex('03')])],
    ['RSA with an exponent of four bytes', map([1, 3], [-1, modulus], [-2, hex('00010001')])],
    ['RSA with its private exponent', map([1, 3], [-1, modulus], [-2, exponent], [-3, modulus])],
  ])('%s is refused', (_, value) => {
    expect(codeOf(() => readPublicKey(value))).toBe('DECODE_KEY');
  });

  test('absent is refused as well', () => {
    expect(codeOf(() => readPublicKey(undefined))).toBe('DECODE_KEY');
  });

  test('RSA of 3,072 and of 4,096 bits are read', () => {
    for (const n of [modulus, new Uint8Array(512).fill(0xff)]) {
      expect(readPublicKey(map([1, 3], [-1, n], [-2, exponent]))).toEqual({ kty: 'RSA', n, e: exponent });
    }
  });
});

describe('private COSE_Key', () => {
  const x = new Uint8Array(32).fill(1);
  const secret = new Uint8Array(32).fill(0x77);

  test.each<[string, CborValue]>([
    ['not a map', 7],
    ['public only', map([1, 1], [-1, 4], [-2, x])],
    ['secret as text', map([1, 1], [-1, 4], [-2, x], [-4, 'd'])],
    ['an unknown parameter', map([1, 1], [-1, 4], [-2, x], [-4, secret], [-5, secret])],
    ['RSA without its primes', map([1, 3], [-1, x], [-2, hex('010001')], [-3, secret])],
  ])('%s is refused', (_, value) => {
    expect(codeOf(() => decodePrivateKey(encodeCbor(value)))).toBe('DECODE_KEY');
  });

  test('RSA is not encoded without its CRT parameters', () => {
    const key = { kty: 'RSA', n: new Uint8Array(384).fill(0xff), e: hex('010001') } as const;
    expect(codeOf(() => encodePrivateKey(key, { d: secret }))).toBe('DECODE_KEY');
  });

  test('no error text quotes the secret', () => {
    const value = map([1, 1], [-1, 9], [-2, x], [-4, secret]);
    const text = () => decodePrivateKey(encodeCbor(value));
    expect(text).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/77|119/) }));
  });
});
