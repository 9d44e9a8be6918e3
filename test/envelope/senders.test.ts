import { describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/cose/key.js';
import { Claim, Header } from '../../src/cose/labels.js';
import { run } from '../../src/crypto/steps.js';
import { type OpenContext, open, openSync, type SenderKey } from '../../src/protocol/envelope/index.js';
import {
  type Account,
  createAccount,
  deviceStanding,
  enterDevice,
  findDevice,
  generateDeviceKeys,
  type KeyRecord,
  nextRecord,
  RETIRED_GRACE,
  retireDevice,
  revokeDevice,
} from '../../src/protocol/identity/index.js';
import { type Forgery, forge } from './forgery.js';
import { withOtherS } from './other-s.js';
import { contextOf, inShort, NOW, native, noble, type Party, party, thumbprintOf } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');
const mallory = await party('mallory');
const base: Forgery = { from: alice, to: [bob.sealKey.publicKey], audience: 'bob' };

async function opened(forgery: Partial<Forgery>, changes: Partial<OpenContext> = {}): Promise<string> {
  return inShort(openSync(native, await forge({ ...base, ...forgery }), contextOf(bob, [alice, mallory], changes)));
}

describe('alg, kid and key must belong together', () => {
  test.each<[string, Partial<Forgery>, string]>([
    ['as they should be', {}, 'opened'],
    ['ESP256 with an Ed25519 key', { changeHeader: (h) => h.set(Header.alg, -9) }, 'unverifiable VERIFY_SIGNATURE'],
    ['the old EdDSA', { changeHeader: (h) => h.set(Header.alg, -8) }, 'unverifiable VERIFY_SIGNATURE'],
    ['HMAC 256/256', { changeHeader: (h) => h.set(Header.alg, 5) }, 'unverifiable VERIFY_SIGNATURE'],
    ['RSA with PKCS#1 v1.5', { changeHeader: (h) => h.set(Header.alg, -257) }, 'unverifiable VERIFY_SIGNATURE'],
    ['alg as text', { changeHeader: (h) => h.set(Header.alg, 'none') }, 'unverifiable VERIFY_SIGNATURE'],
    ['no alg', { changeHeader: (h) => h.delete(Header.alg) }, 'unverifiable VERIFY_SIGNATURE'],
    ['a kid nobody has', { changeHeader: (h) => h.set(Header.kid, new Uint8Array(32)) }, 'sender-refused unknown-key'],
    [
      'the short kid of a recipient',
      { changeHeader: (h) => h.set(Header.kid, thumbprintOf(alice.signKey).subarray(0, 8)) },
      'sender-refused unknown-key',
    ],
    ["Mallory's key under Alice's name", { signer: mallory.signKey }, 'sender-refused unknown-key'],
    [
      "Mallory's signature under Alice's name and kid",
      { signer: mallory.signKey, changeHeader: (h) => h.set(Header.kid, thumbprintOf(alice.signKey)) },
      'unverifiable VERIFY_SIGNATURE',
    ],
    [
      "Alice's name on Mallory's message",
      { from: mallory, changeClaims: (cwt) => cwt.set(Claim.iss, 'alice') },
      'sender-refused unknown-key',
    ],
    ['a sender nobody knows', { changeClaims: (cwt) => cwt.set(Claim.iss, 'nobody') }, 'sender-refused unknown-sender'],
  ])('%s', async (_, forgery, expected) => {
    expect(await opened(forgery)).toBe(expected);
  });

  test('the other s of an ECDSA signature, which the algorithm would verify as well, is refused', async () => {
    const p256 = await party('alice', native, 'P256-ESP256');
    const senderKey = (): SenderKey => ({ key: p256.signKey.publicKey });
    expect(await opened({ from: p256 }, { senderKey })).toBe('opened');
    const other = await opened({ from: p256, changeSignature: withOtherS }, { senderKey });
    expect(other).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('a look-up that answers another key than the kid names is not trusted', async () => {
    const senderKey = (): SenderKey => ({ key: mallory.signKey.publicKey });
    expect(await opened({}, { senderKey })).toBe('unverifiable VERIFY_SIGNATURE');
    const signed = { signer: mallory.signKey, changeHeader: withKidOf(alice) };
    expect(await opened(signed, { senderKey })).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('a sender whose key this backend cannot verify is an outcome, not an exception', async () => {
    const rsaAlice = await party('alice', native, 'RSA3072-PS256');
    const nobleBob = await party('bob', noble);
    const sealed = await forge({ ...base, from: rsaAlice });
    const outcome = await open(noble, sealed, contextOf(nobleBob, [rsaAlice]));
    expect(inShort(outcome)).toBe('unverifiable USAGE_SUITE_UNAVAILABLE');
  });

  test('nor is a sender whose key is no point of its curve', async () => {
    const x = new Uint8Array(32).fill(1);
    const offCurve: PublicKey = { kty: 'EC2', crv: 'P-256', x, y: x };
    const kid = thumbprintOf({ algorithm: 'ESP256', publicKey: offCurve });
    const changeHeader: Forgery['changeHeader'] = (header) => header.set(Header.alg, -9).set(Header.kid, kid);
    const changeSignature = () => new Uint8Array(64).fill(1);
    const senderKey = (): SenderKey => ({ key: offCurve });
    expect(await opened({ changeHeader, changeSignature }, { senderKey })).toBe('unverifiable DECODE_KEY');
  });

  test.each(['held', 'blocked', 'retired', 'revoked'] as const)(
    'a sender that is %s is refused as such',
    async (reason) => {
      expect(await opened({}, { senderKey: () => ({ refused: reason }) })).toBe(`sender-refused ${reason}`);
    },
  );
});

describe('the standing of a device in its record', async () => {
  const account: Account = await run(createAccount(native, { address: 'alice', now: NOW - 1000 }));
  const identity = account.record.identity;
  const laptop = await run(generateDeviceKeys(native, 'P256-ESP256'));
  const entry = await run(enterDevice(native, laptop, { address: 'alice', identity }, { notBefore: NOW - 500 }));
  const next = (record: KeyRecord, edit: Parameters<typeof nextRecord>[3], now: number) =>
    Promise.resolve(run(nextRecord(native, account.identityKey, record, edit, now)));
  const withLaptop = await next(account.record, (devices) => [...devices, entry], NOW - 500);
  const sender: Party = { ...alice, signKey: account.device.signKey };

  /** As a messenger looks keys up: in the record, by the thumbprint. */
  const lookUp =
    (record: KeyRecord, now: number): OpenContext['senderKey'] =>
    (from, kid) => {
      if (from !== record.address) return { refused: 'unknown-sender' };
      const device = run(findDevice(native, record, kid));
      if (device instanceof Promise || device === undefined) return { refused: 'unknown-key' };
      const standing = deviceStanding(device, now);
      return standing === 'good' ? { key: device.signKey, device: device.id } : { refused: standing };
    };
  const openedUnder = (record: KeyRecord, now: number, forgery: Partial<Forgery> = {}) =>
    opened({ from: sender, ...forgery }, { now, senderKey: lookUp(record, now) });

  test('an active device is heard, and named', async () => {
    expect(await openedUnder(withLaptop, NOW)).toBe('opened');
    const sealed = await forge({ ...base, from: { ...alice, signKey: laptop.signKey } });
    const context = contextOf(bob, [], { senderKey: lookUp(withLaptop, NOW) });
    expect(openSync(native, sealed, context)).toMatchObject({ kind: 'opened', message: { device: laptop.id } });
  });

  test('a retired one is heard for 45 days, to the second', async () => {
    const retired = await next(withLaptop, retireDevice(account.device.id, NOW), NOW);
    expect(RETIRED_GRACE).toBe(45 * 86_400);
    expect(await openedUnder(retired, NOW + RETIRED_GRACE)).toBe('opened');
    expect(await openedUnder(retired, NOW + RETIRED_GRACE + 1)).toBe('sender-refused retired');
  });

  test('a revoked one never, whatever its messages say about their time', async () => {
    const revoked = await next(withLaptop, revokeDevice(account.device.id, NOW), NOW);
    for (const iat of [0, NOW - 900, NOW, NOW + 100]) {
      const changeClaims: Forgery['changeClaims'] = (cwt) => cwt.set(Claim.iat, iat);
      expect(await openedUnder(revoked, NOW, { changeClaims })).toBe('sender-refused revoked');
      expect(await openedUnder(revoked, NOW - 2000, { changeClaims })).toBe('sender-refused revoked');
    }
  });

  test('a device that was not there yet is unknown', async () => {
    const fromLaptop = { ...alice, signKey: laptop.signKey };
    const lookedUp = { senderKey: lookUp(account.record, NOW) };
    expect(await opened({ from: fromLaptop }, lookedUp)).toBe('sender-refused unknown-key');
  });

  test('the identity key signs records, not messages', async () => {
    const signedByIdentity = { ...alice, signKey: account.identityKey };
    expect(await opened({ from: signedByIdentity }, { senderKey: lookUp(withLaptop, NOW) })).toBe(
      'sender-refused unknown-key',
    );
  });
});

describe('time', () => {
  const at = (iat: number, exp?: number): Partial<Forgery> => ({
    changeClaims: (cwt) => {
      cwt.set(Claim.iat, iat);
      if (exp !== undefined) cwt.set(Claim.exp, exp);
    },
  });
  test.each([
    ['issued long ago: it may have waited for weeks', NOW - 40 * 86_400, undefined, 'opened'],
    ['issued in 1970', 0, undefined, 'opened'],
    ['five minutes ahead', NOW + 300, undefined, 'opened'],
    ['five minutes and a second ahead', NOW + 301, undefined, 'from-the-future'],
    ['at the end of time', Number.MAX_SAFE_INTEGER, undefined, 'from-the-future'],
    ['expires in a second', NOW - 10, NOW + 1, 'opened'],
    ['expires now', NOW - 10, NOW, 'expired'],
    ['expired before it was issued', NOW, NOW - 1, 'expired'],
    ['expired in 1970', NOW, 0, 'expired'],
  ])('%s', async (_, iat, exp, expected) => {
    expect(await opened(at(iat, exp))).toBe(expected);
  });

  test('a message that is out of time is verified before it is reported', async () => {
    const forged = { ...at(NOW, NOW - 1), signer: mallory.signKey, changeHeader: withKidOf(alice) };
    expect(await opened(forged)).toBe('unverifiable VERIFY_SIGNATURE');
  });
});

function withKidOf({ signKey }: Party): NonNullable<Forgery['changeHeader']> {
  return (header) => header.set(Header.kid, thumbprintOf(signKey));
}
