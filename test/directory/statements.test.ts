import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../src/bytes/cbor.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import {
  firstKeyList,
  followKeyLists,
  freshness,
  type KeyList,
  keyList,
  negative,
  remainingLife,
  signStatement,
  takeToken,
  time,
  verifyStatement,
} from '../../src/protocol/directory/index.js';
import { sign } from '../../src/protocol/signed.js';
import { codeOf, provider, START } from './fixtures.js';

const key = await provider.generateKey('Ed25519');
const stranger = await provider.generateKey('Ed25519');
const keys = [key.publicKey];
const hash = provider.randomBytes(32);
const statement = { address: 'alice', record: hash, version: 3, servedAt: START, maxAge: 300 };

describe('statements of a directory', () => {
  it('say again what was said', async () => {
    const absent = { address: 'bob', servedAt: START, maxAge: 30 };
    const now = { nonce: provider.randomBytes(16), now: START * 1000 + 7 };
    const list: KeyList = { keys: [key.publicKey, stranger.publicKey], issuedAt: START, expiresAt: START + 60 };
    expect(await read(freshness, await run(signStatement(provider, key, freshness, statement)))).toEqual(statement);
    expect(await read(negative, await run(signStatement(provider, key, negative, absent)))).toEqual(absent);
    expect(await read(time, await run(signStatement(provider, key, time, now)))).toEqual(now);
    expect(await read(keyList, await run(signStatement(provider, key, keyList, list)))).toEqual(list);
  });

  it('cannot stand for one another', async () => {
    const signed = await run(signStatement(provider, key, freshness, statement));
    expect(await codeOf(read(negative, signed))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('by a key that is not known are told from those that are wrong', async () => {
    const strange = await run(signStatement(provider, stranger, freshness, statement));
    expect(await codeOf(read(freshness, strange))).toBe('DIRECTORY_KEY_CHANGED');
    const signed = await run(signStatement(provider, key, freshness, statement));
    signed.set([(signed.at(-1) ?? 0) ^ 1], signed.length - 1);
    expect(await codeOf(read(freshness, signed))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it.each([
    ['no map', encodeCbor([1])],
    ['a hash of another size', encodeCbor(freshness.encode({ ...statement, record: hash.subarray(1) }))],
    ['an address that is none', encodeCbor(freshness.encode({ ...statement, address: '../alice' }))],
    ['a negative time', encodeCbor(freshness.encode({ ...statement, servedAt: -1 }))],
  ])('with %s are refused, though signed', async (_what, payload) => {
    const signed = await run(sign(provider, key, { purpose: 'freshness', payload }));
    expect(await codeOf(read(freshness, signed))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('that are no COSE_Sign1 are refused', async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(64), encodeCbor('statement')]) {
      expect(await codeOf(read(freshness, bytes))).toBe('DIRECTORY_BAD_ANSWER');
    }
  });
});

describe('remainingLife', () => {
  it('counts down and never exceeds what was promised', () => {
    expect(remainingLife(statement, START)).toBe(300);
    expect(remainingLife(statement, START + 299)).toBe(1);
    expect(remainingLife(statement, START + 400)).toBe(0);
    expect(remainingLife(statement, START - 200)).toBe(300);
  });

  it('refuses what ended, or begins, beyond the tolerance', () => {
    expect(() => remainingLife(statement, START + 601)).toThrow(expect.objectContaining({ code: 'DIRECTORY_STALE' }));
    expect(() => remainingLife(statement, START - 301)).toThrow(expect.objectContaining({ code: 'DIRECTORY_STALE' }));
  });
});

describe('the chain of key lists', () => {
  it('leads from any key of it to the present one', async () => {
    const [first, second, third] = [await newKey(), await newKey(), await newKey()];
    const chain = [
      await listBy(first, [first, second], 1),
      await listBy(second, [second, third], 2),
      await listBy(third, [third], 3),
    ];
    for (const known of [first, second, third]) {
      const list = await run(followKeyLists(provider, trusted(known), chain));
      expect(list?.keys).toEqual([third.publicKey]);
    }
    expect((await run(firstKeyList(provider, chain, undefined))).keys).toEqual([third.publicKey]);
    const pin = await thumbprintOf(first);
    expect((await run(firstKeyList(provider, chain, pin))).keys).toEqual([third.publicKey]);
  });

  it('does not lead to a key that only signed for itself', async () => {
    const [known, intruder] = [await newKey(), await newKey()];
    const chain = [await listBy(known, [known], 1), await listBy(intruder, [known, intruder], 2)];
    expect((await run(followKeyLists(provider, trusted(known), chain)))?.keys).toEqual([known.publicKey]);
    expect((await run(firstKeyList(provider, chain, await thumbprintOf(known)))).keys).toEqual([known.publicKey]);
    expect(await run(followKeyLists(provider, trusted(await newKey()), chain))).toBeUndefined();
    expect(await codeOf((async () => run(firstKeyList(provider, chain, await thumbprintOf(await newKey()))))())).toBe(
      'DIRECTORY_KEY_CHANGED',
    );
  });

  it('does not lead back', async () => {
    const [old, present] = [await newKey(), await newKey()];
    const now = { keys: [present.publicKey, old.publicKey], issuedAt: 5 };
    expect(await run(followKeyLists(provider, now, [await listBy(old, [old], 4)]))).toBeUndefined();
  });
});

describe('takeToken', () => {
  const rate = { burst: 2, perSecond: 1 };

  it('gives a burst, then as many as flow in', () => {
    const first = takeToken(undefined, rate, 0);
    const second = takeToken(first.bucket, rate, 0);
    const third = takeToken(second.bucket, rate, 500);
    expect([first.wait, second.wait, third.wait]).toEqual([0, 0, 500]);
    expect(takeToken(third.bucket, rate, 1000).wait).toBe(0);
  });

  it('holds no more than a burst, and gives nothing for a clock that runs back', () => {
    const empty = { tokens: 0, at: 10_000 };
    expect(takeToken(empty, rate, 9_000_000).bucket.tokens).toBe(1);
    expect(takeToken(empty, rate, 0).wait).toBe(1000);
  });
});

async function read<T>(kind: Parameters<typeof verifyStatement<T>>[2], bytes: Uint8Array): Promise<T> {
  return run(verifyStatement(provider, keys, kind, bytes));
}

async function newKey(): Promise<PrivateKey> {
  return provider.generateKey('Ed25519');
}

function trusted(known: PrivateKey): KeyList {
  return { keys: [known.publicKey], issuedAt: 0 };
}

async function listBy(signer: PrivateKey, named: readonly PrivateKey[], issuedAt: number): Promise<Uint8Array> {
  const content = { keys: named.map(({ publicKey }) => publicKey), issuedAt };
  return run(signStatement(provider, signer, keyList, content));
}

async function thumbprintOf({ publicKey }: PrivateKey): Promise<Uint8Array> {
  return run(keyThumbprint(provider, publicKey));
}
