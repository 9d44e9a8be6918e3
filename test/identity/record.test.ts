import { describe, expect, test } from 'vitest';
import { type CborMap, type CborValue, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { Header } from '../../src/cose/labels.js';
import { decodeSign1, encodeSign1, sigStructure } from '../../src/cose/sign1.js';
import { run } from '../../src/crypto/steps.js';
import { type SuiteName, suites } from '../../src/crypto/suites.js';
import { createAccount, PROFILE, RECORD_LIFETIME, verifyRecord } from '../../src/protocol/identity/index.js';
import { sign } from '../../src/protocol/signed.js';
import { codeOf, codeOfAsync } from '../bytes/error-code.js';
import { withOtherS } from '../envelope/other-s.js';
import { backends, native, noble } from '../envelope/parties.js';
import { account, contentOf, NOW, now, withContent } from './accounts.js';

const alice = account('alice');
const verified = (bytes: Uint8Array) => codeOf(() => now(verifyRecord(native, bytes)));

function editedDevice(edit: (device: Map<number | string, CborValue>) => void) {
  return withContent(alice, (content) => {
    const [entry] = content.get('devices') as CborMap[];
    const edited = new Map(entry) as Map<number | string, CborValue>;
    edit(edited);
    content.set('devices', [edited]);
  });
}

describe.each(backends)('on $name', (provider) => {
  const usable = suites.filter(({ signature }) => provider.supports(signature));

  test.each(usable)('an account of suite $name comes out as it went in', async ({ name }) => {
    const {
      record,
      device: keys,
      identityKey,
    } = await run(createAccount(provider, { address: 'alice', suite: name, now: NOW, deviceName: 'pump 3' }));
    expect(record).toMatchObject({
      address: 'alice',
      version: 1,
      issuedAt: NOW,
      expiresAt: NOW + RECORD_LIFETIME,
      identityKey: identityKey.publicKey,
      capabilities: { profiles: [PROFILE], suites: usable.map((suite) => suite.name) },
      devices: [{ id: keys.id, name: 'pump 3', notBefore: NOW, signKey: keys.signKey.publicKey }],
    });
    expect(record).not.toHaveProperty('previous');
    for (const reader of [native, provider]) expect(await run(verifyRecord(reader, record.bytes))).toEqual(record);
    expect(encodeSign1(decodeSign1(record.bytes))).toEqual(record.bytes);
    expect(record.hash).toEqual(await native.sha256(record.bytes));
  });
});

test('a suite that the backend lacks is refused', async () => {
  const options = { address: 'alice', suite: 'RSA3072-PS256', now: NOW } as const;
  expect(await codeOfAsync(() => run(createAccount(noble, options)))).toBe('USAGE_SUITE_UNAVAILABLE');
  const unknown = { ...options, suite: 'none' as SuiteName };
  expect(await codeOfAsync(() => run(createAccount(native, unknown)))).toBe('USAGE_INVALID_ARGUMENT');
});

test('an account needs an address, and a device a name that survives', () => {
  expect(codeOf(() => account('Alice'))).toBe('USAGE_INVALID_ADDRESS');
  expect(codeOf(() => account('relay'))).toBe('USAGE_INVALID_ADDRESS');
  const named = (deviceName: string) =>
    codeOf(() => now(createAccount(native, { address: 'a', now: NOW, deviceName })));
  expect(named('n'.repeat(64))).toBe('nothing thrown');
  expect(named('n'.repeat(65))).toBe('DECODE_RECORD');
  expect(named('')).toBe('DECODE_RECORD');
});

test('keys are not extractable when that is asked for', async () => {
  const { device: keys, identityKey } = now(createAccount(native, { address: 'alice', now: NOW, extractable: false }));
  for (const key of [keys.signKey, keys.sealKey, identityKey]) {
    expect(await codeOfAsync(() => native.exportPrivateKey(key))).toBe('USAGE_KEY_NOT_EXTRACTABLE');
  }
});

test('two accounts share neither keys nor device id', () => {
  const other = account('alice');
  expect(other.device.id).toMatch(/^[a-z2-7]{16}$/);
  expect(other.device.id).not.toBe(alice.device.id);
  expect(other.record.identity).not.toEqual(alice.record.identity);
});

test.each(['X25519-Ed25519', 'P256-ESP256'] as const)('no single byte of a %s record can be changed', (suite) => {
  const { bytes } = account('alice', suite).record;
  for (let i = 0; i < bytes.length; i++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const code = verified(bytes.with(i, (bytes[i] ?? 0) ^ mask));
      expect(code).toMatch(/^(DECODE_(CBOR|COSE|KEY|RECORD)|VERIFY_SIGNATURE)$/);
    }
  }
});

test('nor can it be cut or lengthened', () => {
  const { bytes } = alice.record;
  for (let end = 0; end < bytes.length; end++) expect(verified(bytes.subarray(0, end))).toMatch(/^DECODE_/);
  expect(verified(Uint8Array.of(...bytes, 0))).toBe('DECODE_CBOR');
});

test('a signature for another purpose is none for a record', () => {
  const payload = decodeSign1(alice.record.bytes).payload ?? new Uint8Array(0);
  for (const purpose of ['message', 'device-proof', 'identity-change', 'card'] as const) {
    expect(verified(now(sign(native, alice.identityKey, { purpose, payload })))).toBe('VERIFY_SIGNATURE');
  }
  expect(verified(now(sign(native, alice.identityKey, { purpose: 'record', payload })))).toBe('nothing thrown');
  const byDevice = now(sign(native, alice.device.signKey, { purpose: 'record', payload }));
  expect(verified(byDevice)).toBe('VERIFY_SIGNATURE');
});

test('whoever passes a record on cannot make a second one of its version', () => {
  const message = decodeSign1(alice.record.bytes);
  const labelled = encodeSign1({ ...message, unprotectedHeader: new Map([[-70_000, 1]]) });
  expect(verified(labelled)).toBe('DECODE_RECORD');
  const again = encodeSign1({ ...message, signature: message.signature.with(0, (message.signature[0] ?? 0) ^ 1) });
  expect(verified(again)).toBe('VERIFY_SIGNATURE');
});

test('not even by turning an ECDSA signature into the other one that verifies', async () => {
  const p256 = account('alice', 'P256-ESP256');
  const message = decodeSign1(p256.record.bytes);
  const other = encodeSign1({ ...message, signature: withOtherS(message.signature) });
  const toBeSigned = sigStructure(
    message.protectedBytes,
    encodeCbor(['sealmq/1 sign', 'record']),
    message.payload as Uint8Array,
  );
  expect(native.verify('ESP256', p256.identityKey.publicKey, toBeSigned, withOtherS(message.signature))).toBe(true);
  expect(verified(other)).toBe('VERIFY_SIGNATURE');
});

test('a record must carry its payload and a header of the profile', () => {
  const message = decodeSign1(alice.record.bytes);
  expect(verified(encodeSign1({ ...message, payload: null }))).toBe('DECODE_RECORD');
  const parts = [new Uint8Array(0), new Map(), message.payload, message.signature];
  expect(verified(encodeCbor(new Tagged(18, parts)))).toBe('VERIFY_SIGNATURE');
  const critical = new Map(message.protectedHeader).set(Header.crit, [1]);
  expect(verified(encodeCbor(new Tagged(18, [encodeCbor(critical), ...parts.slice(1)])))).toBe('DECODE_COSE');
});

describe('a record whose content is malformed is refused, though its signature is good', () => {
  test('unaltered it is accepted', () => {
    expect(verified(withContent(alice, () => {}))).toBe('nothing thrown');
    expect(verified(editedDevice(() => {}))).toBe('nothing thrown');
  });

  test.each<[string, (content: Map<number | string, CborValue>) => void]>([
    ['no address', (c) => c.delete('address')],
    ['an address that is none', (c) => c.set('address', 'Alice')],
    ['a reserved address', (c) => c.set('address', 'relay')],
    ['version 0', (c) => c.set('version', 0)],
    ['version as text', (c) => c.set('version', '1')],
    ['no issuedAt', (c) => c.delete('issuedAt')],
    ['issuedAt before 1970', (c) => c.set('issuedAt', -1)],
    ['no expiresAt', (c) => c.delete('expiresAt')],
    ['expiresAt of null', (c) => c.set('expiresAt', null)],
    ['version 1 with a previous one', (c) => c.set('previous', new Uint8Array(32))],
    ['version 2 without a previous one', (c) => c.set('version', 2)],
    ['a previous hash of 31 bytes', (c) => c.set('version', 2).set('previous', new Uint8Array(31))],
    ['no identity key', (c) => c.delete('identityKey')],
    ['no capabilities', (c) => c.delete('capabilities')],
    ['capabilities without suites', (c) => c.set('capabilities', new Map([['profiles', []]]))],
    [
      'capabilities of numbers',
      (c) =>
        c.set(
          'capabilities',
          new Map([
            ['profiles', [1]],
            ['suites', []],
          ] as [string, CborValue][]),
        ),
    ],
    [
      '33 profiles',
      (c) =>
        c.set(
          'capabilities',
          new Map([
            ['profiles', new Array(33).fill('x')],
            ['suites', []],
          ] as [string, CborValue][]),
        ),
    ],
    ['no devices', (c) => c.delete('devices')],
    ['an empty list of devices', (c) => c.set('devices', [])],
    ['a device that is no map', (c) => c.set('devices', ['x'])],
    ['identityChange as text', (c) => c.set('identityChange', 'x')],
  ])('%s', (_, edit) => {
    expect(verified(withContent(alice, edit))).toMatch(/^DECODE_(RECORD|KEY)$/);
  });

  test('identityChange that is no COSE_Sign1', () => {
    expect(verified(withContent(alice, (c) => c.set('identityChange', new Uint8Array(9))))).toMatch(/^DECODE_C/);
  });

  test.each<[string, (entry: Map<number | string, CborValue>) => void, string]>([
    ['no id', (d) => d.delete('id'), 'DECODE_RECORD'],
    ['an id in upper case', (d) => d.set('id', 'A'.repeat(16)), 'DECODE_RECORD'],
    ['an id of 15 characters', (d) => d.set('id', 'a'.repeat(15)), 'DECODE_RECORD'],
    ['another id', (d) => d.set('id', 'a'.repeat(16)), 'VERIFY_SIGNATURE'],
    ['an empty name', (d) => d.set('name', ''), 'DECODE_RECORD'],
    ['a name of 65 characters', (d) => d.set('name', 'n'.repeat(65)), 'DECODE_RECORD'],
    ['no signing key', (d) => d.delete('signKey'), 'DECODE_KEY'],
    ['a sealing key of bytes', (d) => d.set('sealKey', new Uint8Array(32)), 'DECODE_KEY'],
    ['no notBefore', (d) => d.delete('notBefore'), 'DECODE_RECORD'],
    ['notAfter of null', (d) => d.set('notAfter', null), 'DECODE_RECORD'],
    ['revokedAt as text', (d) => d.set('revokedAt', 'now'), 'DECODE_RECORD'],
    ['no proof', (d) => d.delete('proof'), 'DECODE_RECORD'],
    ['a proof that is no COSE_Sign1', (d) => d.set('proof', new Uint8Array(64)), 'DECODE_CBOR'],
    ['the proof of another signature', (d) => d.set('proof', alice.record.bytes), 'VERIFY_SIGNATURE'],
  ])('a device with %s', (_, edit, expected) => {
    expect(verified(editedDevice(edit))).toBe(expected);
  });

  test('fields that this version does not know are ignored', () => {
    expect(verified(withContent(alice, (c) => c.set('later', [1])))).toBe('nothing thrown');
    expect(verified(editedDevice((d) => d.set('later', [1])))).toBe('nothing thrown');
  });
});

test('the error of a refused record quotes nothing of it', () => {
  const bytes = editedDevice((d) => d.set('name', '').set('secret', 'hunter2'));
  expect(() => now(verifyRecord(native, bytes))).toThrow(
    expect.objectContaining({ message: expect.not.stringMatching(/hunter2|alice/) }),
  );
  expect(contentOf(alice.record)).not.toHaveProperty('bytes');
});
