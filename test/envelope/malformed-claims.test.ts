import { describe, expect, test } from 'vitest';
import type { CborValue } from '../../src/bytes/cbor.js';
import { Claim, Header } from '../../src/cose/labels.js';
import { openSync } from '../../src/protocol/envelope/index.js';
import { type Forgery, forge } from './forgery.js';
import { contextOf, inShort, native, party } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');

/** The outcome, and whom it made the receiver look up. */
async function opened(forgery: Partial<Forgery>) {
  const asked: string[] = [];
  const sealed = await forge({ from: alice, to: [bob.sealKey.publicKey], audience: 'bob', ...forgery });
  const context = contextOf(bob, [alice]);
  const outcome = openSync(native, sealed, {
    ...context,
    senderKey(from, kid, issuedAt) {
      asked.push(from);
      return context.senderKey(from, kid, issuedAt);
    },
  });
  return { outcome: inShort(outcome), asked };
}

const REFUSED = { outcome: 'malformed DECODE_CLAIMS', asked: [] };
const bytes = (length: number) => new Uint8Array(length);
const notCounters: CborValue[] = ['1', null, true, -1, bytes(1), [1], new Map()];

describe('a claim of the wrong type is malformed, and nobody is looked up for it', () => {
  const wrong: Record<string, [label: number, values: readonly CborValue[]]> = {
    iss: [
      Claim.iss,
      [7, null, bytes(5), '', 'Alice', 'al ice', 'a/b', '+', '#', '../x', 'room', '~abc', 'é', 'a'.repeat(65)],
    ],
    aud: [Claim.aud, [7, null, '', 'Bob', 'bob/x', new Map(), [], bytes(3)]],
    iat: [Claim.iat, notCounters],
    exp: [Claim.exp, notCounters],
    cti: [Claim.cti, ['0123456789abcdef', null, 7, bytes(15), bytes(17), bytes(0)]],
  };
  for (const [name, [label, values]] of Object.entries(wrong)) {
    test.each(values)(`${name} = %j`, async (value) => {
      const changeClaims: Forgery['changeClaims'] = (cwt) => cwt.set(label, value);
      expect(await opened({ changeClaims })).toEqual(REFUSED);
    });
  }

  test.each(['iss', 'aud', 'iat', 'cti'] as const)('%s left out', async (name) => {
    const changeClaims: Forgery['changeClaims'] = (cwt) => cwt.delete(Claim[name]);
    expect(await opened({ changeClaims })).toEqual(REFUSED);
  });
});

describe('a header parameter of the wrong type is malformed', () => {
  const wrong: Record<string, readonly CborValue[]> = {
    cwtClaims: [null, [], 7, bytes(3), 'x'],
    contentType: [null, -1, '', bytes(3), 'x'.repeat(129)],
    seq: [null, 0, -1, '1', [1], [], bytes(1)],
    channel: [null, 7, '', 'c'.repeat(257), bytes(3)],
    stream: notCounters,
    to: [null, 7, '', 'Carol', 'a/b', ['carol', 'bob'], []],
    inReplyTo: [null, 'id', bytes(15), bytes(17)],
    version: notCounters,
  };
  for (const [name, values] of Object.entries(wrong)) {
    test.each(values)(`${name} = %j`, async (value) => {
      const changeHeader: Forgery['changeHeader'] = (header) => header.set(Header[name as keyof typeof Header], value);
      expect(await opened({ changeHeader })).toEqual(REFUSED);
    });
  }

  test.each<[string, CborValue]>([
    ['one number', 1],
    ['too few', [1]],
    ['too many', [1, 2, 3]],
    ['none', []],
    ['a zero among them', [1, 0]],
    ['a null among them', [null, 1]],
  ])('seq for two receivers: %s', async (_, seq) => {
    const changeHeader: Forgery['changeHeader'] = (header) => header.set(Header.seq, seq);
    expect(await opened({ audience: ['bob', 'carol'], outerAudience: null, changeHeader })).toEqual(REFUSED);
  });
});

test('labels that this version does not know are ignored', async () => {
  const outcome = await opened({
    changeHeader: (header) => header.set(-70_000, 'later').set('x', [1]),
    changeClaims: (cwt) => cwt.set(5, 0).set(2, 'sub'),
  });
  expect(outcome).toEqual({ outcome: 'opened', asked: ['alice'] });
});
