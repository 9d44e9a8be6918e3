import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeProtected, encodeProtected } from '../../src/cose/header.js';
import { Header } from '../../src/cose/labels.js';
import { type Claims, decodeClaims, encodeClaims } from '../../src/protocol/envelope/claims.js';
import { type Draft, openSync, sealSync } from '../../src/protocol/envelope/index.js';
import { texts } from '../bytes/cbor-values.js';
import { codeOf } from '../bytes/error-code.js';
import { contextOf, NOW, native, party } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');

const addresses = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/).filter((name) => !['room', 'group', 'relay'].includes(name)),
  fc.stringMatching(/^~[a-z2-7]{52}$/),
);
const ids = fc.uint8Array({ minLength: 16, maxLength: 16 });
const counters = fc.maxSafeNat();
const seqs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const names = texts.filter((text) => text.length > 0);

const common = {
  from: addresses,
  issuedAt: counters,
  id: ids,
};
const optional = {
  expiresAt: counters,
  contentType: fc.oneof(names, fc.constantFrom('application/json', 'text/plain;charset=utf-8', 'application/cbor')),
  stream: counters,
  channel: names,
  to: addresses,
  inReplyTo: ids,
  version: counters,
};

const toOne: fc.Arbitrary<Claims> = fc.record(
  { ...common, audience: addresses, ...optional, seq: seqs },
  { requiredKeys: ['from', 'issuedAt', 'id', 'audience'] },
);
const toSeveral: fc.Arbitrary<Claims> = fc
  .uniqueArray(addresses, { minLength: 1, maxLength: 6 })
  .map((list) => list.sort())
  .chain((audience) => {
    const numbers = fc.array(seqs, { minLength: audience.length, maxLength: audience.length });
    const required = { ...common, audience: fc.constant(audience) };
    return fc.record(
      { ...required, ...optional, seq: numbers },
      { requiredKeys: ['from', 'issuedAt', 'id', 'audience'] },
    );
  });

test('claims of every kind survive a header', () => {
  fc.assert(
    fc.property(fc.oneof(toOne, toSeveral), (claims) => {
      expect(decodeClaims(decodeProtected(encodeProtected(encodeClaims(claims))))).toEqual(claims);
    }),
    { numRuns: 500 },
  );
});

test('claims of every kind survive a message', () => {
  const keys = { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] };
  fc.assert(
    fc.property(toOne, (claims) => {
      const mine = { ...claims, from: 'alice', audience: 'bob', issuedAt: NOW, expiresAt: NOW + 1 };
      const sealed = sealSync(native, { ...mine, payload: Uint8Array.of(1) }, keys);
      const outcome = openSync(native, sealed, contextOf(bob, [alice]));
      expect(outcome.kind).toBe('opened');
      if (outcome.kind === 'opened') expect(outcome.message).toMatchObject(mine);
    }),
    { numRuns: 50 },
  );
});

describe('a draft that could not be opened is refused at once', () => {
  const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(1) };
  test.each<[string, Record<string, unknown>]>([
    ['from that is no address', { from: 'Alice' }],
    ['a reserved from', { from: 'relay' }],
    ['an audience with a slash', { audience: 'bob/x' }],
    ['a reserved audience', { audience: 'room' }],
    ['an empty audience', { audience: [] }],
    ['an audience out of order', { audience: ['carol', 'bob'] }],
    ['an audience that repeats', { audience: ['bob', 'bob'] }],
    ['257 receivers', { audience: Array.from({ length: 257 }, (_, i) => `u${String(i).padStart(3, '0')}`) }],
    ['issuedAt with a fraction', { issuedAt: 1.5 }],
    ['issuedAt before 1970', { issuedAt: -1 }],
    ['issuedAt that is no number', { issuedAt: Number.NaN }],
    ['expiresAt as a Date', { expiresAt: new Date(0) }],
    ['an id of 15 bytes', { id: new Uint8Array(15) }],
    ['inReplyTo of 17 bytes', { inReplyTo: new Uint8Array(17) }],
    ['seq 0', { seq: 0 }],
    ['seq beyond 2^53', { seq: 2 ** 53 }],
    ['an array of seq for one receiver', { seq: [1] }],
    ['one seq for several receivers', { audience: ['bob', 'carol'], seq: 1 }],
    ['too few seq', { audience: ['bob', 'carol'], seq: [1] }],
    ['too many seq', { audience: ['bob', 'carol'], seq: [1, 2, 3] }],
    ['an empty channel', { channel: '' }],
    ['a channel of 257 characters', { channel: 'c'.repeat(257) }],
    ['half a surrogate pair in the channel', { channel: 'a\ud800' }],
    ['a byte order mark before the channel', { channel: '\ufeffa' }],
    ['an empty content type', { contentType: '' }],
    ['a content type of 129 characters', { contentType: 'c'.repeat(129) }],
    ['to that is no address', { to: '' }],
    ['a negative stream', { stream: -1 }],
    ['a version with a fraction', { version: 0.5 }],
  ])('%s', (_, changes) => {
    const refused = codeOf(() =>
      sealSync(native, { ...draft, ...changes } as Draft, {
        signKey: alice.signKey,
        recipients: [bob.sealKey.publicKey],
      }),
    );
    expect(refused).toBe('USAGE_INVALID_ARGUMENT');
  });
});

describe('content types', () => {
  const base = { from: 'alice', audience: 'bob', issuedAt: NOW, id: new Uint8Array(16) };
  test.each([
    ['text/plain;charset=utf-8', 0],
    ['application/octet-stream', 42],
    ['application/json', 50],
    ['application/cbor', 60],
    ['image/png', 'image/png'],
  ])('%s travels as %j', (contentType, value) => {
    expect(encodeClaims({ ...base, contentType }).get(Header.contentType)).toBe(value);
  });

  test('a number that this version does not know is told as it is', () => {
    const header = new Map([...encodeClaims(base), [Header.contentType, 11_050] as const]);
    expect(decodeClaims(header).contentType).toBe('content-format/11050');
  });
});

test('unknown labels beside the claims are ignored', () => {
  const claims: Claims = { from: 'alice', audience: 'bob', issuedAt: NOW, id: new Uint8Array(16) };
  const header = new Map([...encodeClaims(claims), [-70_000, 'later'] as const, ['x', 1] as const]);
  expect(decodeClaims(header)).toEqual(claims);
});
