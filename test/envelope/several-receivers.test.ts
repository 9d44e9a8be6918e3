import { describe, expect, test } from 'vitest';
import { type Draft, openSync, sealSync } from '../../src/protocol/envelope/index.js';
import { forge } from './forgery.js';
import { contextOf, inShort, NOW, native, party } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');
const carol = await party('carol');
const dave = await party('dave');
const both = [bob.sealKey.publicKey, carol.sealKey.publicKey];

describe('a message handed in for several receivers', () => {
  const draft: Draft = {
    from: 'alice',
    audience: ['bob', 'carol'],
    issuedAt: NOW,
    payload: Uint8Array.of(7),
    seq: [3, 9],
    stream: 1,
  };
  const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: both });

  test('is opened by each of them, with all addresses and numbers', () => {
    for (const receiver of [bob, carol]) {
      const outcome = openSync(native, sealed, contextOf(receiver, [alice]));
      expect(outcome).toMatchObject({ kind: 'opened', message: { audience: ['bob', 'carol'], seq: [3, 9] } });
    }
  });

  test('is not for one whose device it was not sealed to, though its address stood inside', () => {
    const other = contextOf({ ...dave, address: 'bob' }, [alice]);
    expect(inShort(openSync(native, sealed, other))).toBe('not-for-me');
  });

  test('is refused by one whose device it was sealed to but whose address is not inside', () => {
    const toDave = sealSync(native, draft, { signKey: alice.signKey, recipients: [...both, dave.sealKey.publicKey] });
    expect(inShort(openSync(native, toDave, contextOf(dave, [alice])))).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('may be for one receiver only', () => {
    const one = sealSync(
      native,
      { ...draft, audience: ['bob'], seq: [1] },
      { signKey: alice.signKey, recipients: both },
    );
    expect(openSync(native, one, contextOf(bob, [alice])).kind).toBe('opened');
    expect(inShort(openSync(native, one, contextOf(carol, [alice])))).toBe('unverifiable VERIFY_SIGNATURE');
  });
});

describe('outer and inner audience must be of one form', () => {
  const to = [bob.sealKey.publicKey];
  test.each([
    ['nil outside, one address inside', { audience: 'bob', outerAudience: null }, 'unverifiable VERIFY_SIGNATURE'],
    [
      'an address outside, an array inside',
      { audience: ['bob'], outerAudience: 'bob' },
      'unverifiable VERIFY_SIGNATURE',
    ],
    ['another address outside', { audience: 'bob', outerAudience: 'carol' }, 'unverifiable VERIFY_DECRYPTION'],
    ['another address inside', { audience: 'carol', outerAudience: 'bob' }, 'unverifiable VERIFY_SIGNATURE'],
    [
      'nil outside, others inside',
      { audience: ['carol', 'dave'], outerAudience: null },
      'unverifiable VERIFY_SIGNATURE',
    ],
    ['an empty address outside', { audience: 'bob', outerAudience: '' }, 'unverifiable VERIFY_DECRYPTION'],
    ['as it should be', { audience: 'bob', outerAudience: 'bob' }, 'opened'],
    ['as it should be for several', { audience: ['bob', 'carol'], outerAudience: null }, 'opened'],
  ])('%s', async (_, audiences, expected) => {
    const sealed = await forge({ from: alice, to, ...audiences });
    expect(inShort(openSync(native, sealed, contextOf(bob, [alice])))).toBe(expected);
  });

  test.each([
    ['out of order', ['carol', 'bob']],
    ['with a repetition', ['bob', 'bob']],
    ['empty', []],
    ['with something that is no address', ['bob', 'carol/#']],
    ['with a number', ['bob', 7]],
    ['nested', [['bob']]],
    ['of 257', ['bob', ...Array.from({ length: 256 }, (_, i) => `c${String(i).padStart(3, '0')}`)]],
  ])('an array %s is malformed', async (_, audience) => {
    const sealed = await forge({ from: alice, to, audience, outerAudience: null });
    expect(inShort(openSync(native, sealed, contextOf(bob, [alice])))).toBe('malformed DECODE_CLAIMS');
  });
});
