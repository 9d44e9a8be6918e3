import { describe, expect, test } from 'vitest';
import { run } from '../../src/crypto/steps.js';
import {
  activeSealKeys,
  addDevice,
  deviceKid,
  deviceStanding,
  findDevice,
  isActive,
  type KeyRecord,
  nextRecord,
  RECORD_LIFETIME,
  RETIRED_GRACE,
  retireDevice,
  revokeDevice,
  rotateDevice,
  verifyProof,
  verifyRecord,
} from '../../src/protocol/identity/index.js';
import { codeOf } from '../bytes/error-code.js';
import { backends, native, thumbprintOf } from '../envelope/parties.js';
import { account, DAY, device, NOW, next, now } from './accounts.js';
import { deepFreeze, snapshot } from './deep-freeze.js';

const alice = account('alice');
const phone = alice.device;
const laptop = device(alice, { suite: 'P256-ESP256' });
const both = next(alice, alice.record, addDevice(laptop.entry));

const entryOf = (record: KeyRecord, id: string) => record.devices.filter((entry) => entry.id === id);
const sealsTo = (record: KeyRecord, at = NOW) =>
  activeSealKeys(record, at)
    .map((key) => key.kty)
    .sort();

describe('each version', () => {
  test('follows the one before, and lives for a year', () => {
    expect(both).toMatchObject({ version: 2, previous: alice.record.hash, issuedAt: NOW, address: 'alice' });
    expect(both.expiresAt).toBe(NOW + RECORD_LIFETIME);
    const later = next(alice, both, (devices) => devices, NOW + 100);
    expect(later).toMatchObject({
      version: 3,
      previous: both.hash,
      issuedAt: NOW + 100,
      expiresAt: NOW + 100 + RECORD_LIFETIME,
    });
  });

  test.each(backends)('verifies on $name', async (provider) => {
    expect(await run(verifyRecord(provider, both.bytes))).toEqual(both);
  });

  test('leaves the record it was made from, and the entries, as they were', () => {
    const record = deepFreeze({ ...both });
    const before = snapshot(record);
    const fresh = device(alice, { id: phone.id });
    for (const edit of [
      addDevice(device(alice).entry),
      rotateDevice(fresh.entry, NOW),
      retireDevice(phone.id, NOW),
      revokeDevice(phone.id, NOW),
    ]) {
      next(alice, record, edit);
      expect(snapshot(record)).toBe(before);
    }
  });

  test('is signed by the identity key only: a device cannot make one', () => {
    const byDevice = () => now(nextRecord(native, laptop.keys.signKey, both, (devices) => devices, NOW));
    expect(codeOf(byDevice)).toBe('VERIFY_SIGNATURE');
  });

  test('drops a vouch for an identity change that is over', () => {
    expect(next(alice, both, (devices) => devices)).not.toHaveProperty('identityChange');
  });
});

describe('adding', () => {
  test('seals to the new device as well', () => {
    expect(sealsTo(alice.record)).toEqual(['OKP']);
    expect(sealsTo(both)).toEqual(['EC2', 'OKP']);
  });

  test('finds each by the thumbprint of its signing key, and by nothing else', () => {
    expect(now(findDevice(native, both, thumbprintOf(phone.signKey)))?.id).toBe(phone.id);
    expect(now(findDevice(native, both, thumbprintOf(laptop.keys.signKey)))?.id).toBe(laptop.keys.id);
    expect(now(findDevice(native, both, thumbprintOf(phone.sealKey)))).toBeUndefined();
    expect(now(findDevice(native, both, thumbprintOf(alice.identityKey)))).toBeUndefined();
    expect(now(findDevice(native, both, thumbprintOf(phone.signKey).subarray(0, 8)))).toBeUndefined();
    expect(now(deviceKid(native, laptop.entry))).toEqual(thumbprintOf(laptop.keys.signKey));
  });

  test('the proof of the entry is bound to address and identity', () => {
    const context = { address: 'alice', identity: alice.record.identity };
    const proven = (changes: object) => now(verifyProof(native, laptop.entry, { ...context, ...changes }));
    expect(proven({})).toBe(true);
    expect(proven({ address: 'bob' })).toBe(false);
    expect(proven({ identity: account('alice').record.identity })).toBe(false);
  });

  test('an entry with the proof for another account is refused', () => {
    const foreign = device(account('alice'));
    expect(codeOf(() => next(alice, both, addDevice(foreign.entry)))).toBe('VERIFY_SIGNATURE');
  });

  test('the same device twice is refused', () => {
    expect(codeOf(() => next(alice, both, addDevice(laptop.entry)))).toBe('USAGE_INVALID_ARGUMENT');
  });
});

describe('rotating', () => {
  const fresh = device(alice, { id: phone.id, notBefore: NOW + 10 });
  const rotated = next(alice, both, rotateDevice(fresh.entry, NOW + 10), NOW + 10);

  test('keeps the old keys under the id, retired, and seals to the new ones', () => {
    expect(entryOf(rotated, phone.id)).toMatchObject([{ notAfter: NOW + 10 }, { notBefore: NOW + 10 }]);
    expect(activeSealKeys(rotated, NOW + 10)).toContainEqual(fresh.keys.sealKey.publicKey);
    expect(activeSealKeys(rotated, NOW + 10)).not.toContainEqual(phone.sealKey.publicKey);
  });

  test('does not break messages in flight', () => {
    const old = now(findDevice(native, rotated, thumbprintOf(phone.signKey)));
    expect(old && deviceStanding(old, NOW + 10 + RETIRED_GRACE)).toBe('good');
  });

  test('again, retires only what is still active', () => {
    const third = device(alice, { id: phone.id, notBefore: NOW + 20 });
    const again = next(alice, rotated, rotateDevice(third.entry, NOW + 20), NOW + 20);
    expect(entryOf(again, phone.id).map(({ notAfter }) => notAfter)).toEqual([NOW + 10, NOW + 20, undefined]);
  });

  test('to the keys that the device has already is refused', () => {
    const [current] = entryOf(rotated, phone.id).slice(1);
    expect(current && codeOf(() => next(alice, rotated, rotateDevice(current, NOW + 20)))).toBe('DECODE_RECORD');
  });
});

describe('retiring', () => {
  const retired = next(alice, both, retireDevice(phone.id, NOW));
  const [entry] = entryOf(retired, phone.id);

  test('ends sealing to the device at once', () => {
    expect(sealsTo(retired)).toEqual(['EC2']);
    expect(entry && isActive(entry, NOW - 1)).toBe(true);
    expect(entry && isActive(entry, NOW)).toBe(false);
  });

  test('leaves it 45 days for its messages, to the second', () => {
    expect(RETIRED_GRACE).toBe(45 * DAY);
    expect(entry && deviceStanding(entry, NOW + RETIRED_GRACE)).toBe('good');
    expect(entry && deviceStanding(entry, NOW + RETIRED_GRACE + 1)).toBe('retired');
  });

  test('is forgotten by the first version after that, not before', () => {
    const untouched = (at: number) => next(alice, retired, (devices) => devices, at);
    expect(entryOf(untouched(NOW + RETIRED_GRACE), phone.id)).toHaveLength(1);
    expect(entryOf(untouched(NOW + RETIRED_GRACE + 1), phone.id)).toHaveLength(0);
  });

  test('an unknown or retired device is refused', () => {
    expect(codeOf(() => next(alice, both, retireDevice('a'.repeat(16), NOW)))).toBe('USAGE_INVALID_ARGUMENT');
    expect(codeOf(() => next(alice, retired, retireDevice(phone.id, NOW + 5), NOW + 5))).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('the last active device is refused', () => {
    expect(codeOf(() => next(alice, alice.record, retireDevice(phone.id, NOW)))).toBe('USAGE_INVALID_ARGUMENT');
    expect(codeOf(() => next(alice, alice.record, () => []))).toBe('USAGE_INVALID_ARGUMENT');
  });
});

describe('revoking', () => {
  const fresh = device(alice, { id: phone.id });
  const rotated = next(alice, both, rotateDevice(fresh.entry, NOW));
  const revoked = next(alice, rotated, revokeDevice(phone.id, NOW + 5), NOW + 5);

  test('takes all keys of the device, those that it has rotated out included', () => {
    expect(entryOf(revoked, phone.id).map((entry) => deviceStanding(entry, NOW))).toEqual(['revoked', 'revoked']);
    expect(sealsTo(revoked, NOW + 5)).toEqual(['EC2']);
  });

  test('holds at any time, before and after', () => {
    for (const entry of entryOf(revoked, phone.id)) {
      for (const at of [0, NOW, NOW + 5, NOW + 100 * DAY]) {
        expect(deviceStanding(entry, at)).toBe('revoked');
        expect(isActive(entry, at)).toBe(false);
      }
    }
  });

  test('stays in the record for good', () => {
    const later = next(alice, revoked, (devices) => devices, NOW + 300 * DAY);
    expect(entryOf(later, phone.id)).toHaveLength(2);
  });

  test('cannot be undone by entering the key again', () => {
    const context = { address: 'alice', identity: alice.record.identity };
    const [old] = both.devices;
    expect(old && now(verifyProof(native, old, context))).toBe(true);
    expect(old && codeOf(() => next(alice, revoked, addDevice(old)))).toBe('USAGE_INVALID_ARGUMENT');
    // Nor under another id.
    expect(old && codeOf(() => next(alice, revoked, addDevice({ ...old, id: 'aaaaaaaaaaaaaaaa' })))).toBe(
      'VERIFY_SIGNATURE',
    );
  });

  test('keeps the first moment when it is said twice', () => {
    const twice = next(alice, revoked, revokeDevice(phone.id, NOW + 99), NOW + 99);
    expect(entryOf(twice, phone.id).map(({ revokedAt }) => revokedAt)).toEqual([NOW + 5, NOW + 5]);
  });

  test('an unknown device, or the last active one, is refused', () => {
    expect(codeOf(() => next(alice, both, revokeDevice('a'.repeat(16), NOW)))).toBe('USAGE_INVALID_ARGUMENT');
    expect(codeOf(() => next(alice, alice.record, revokeDevice(phone.id, NOW)))).toBe('USAGE_INVALID_ARGUMENT');
  });
});
