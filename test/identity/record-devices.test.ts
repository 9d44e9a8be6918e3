import { describe, expect, test } from 'vitest';
import { type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { type PublicKey, publicKeyMap } from '../../src/cose/key.js';
import { Header } from '../../src/cose/labels.js';
import { encodeSign1, prepareSign1 } from '../../src/cose/sign1.js';
import { run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { enterDevice, MAX_DEVICES, MAX_RECORD_BYTES, verifyRecord } from '../../src/protocol/identity/index.js';
import { sign } from '../../src/protocol/signed.js';
import { codeOf, codeOfAsync } from '../bytes/error-code.js';
import { backends, native } from '../envelope/parties.js';
import { account, device, NOW, now, resigned, withContent } from './accounts.js';

const alice = account('alice');
const verified = (bytes: Uint8Array) => codeOf(() => now(verifyRecord(native, bytes)));

describe("a device's proof", () => {
  const { entry, keys } = device(alice);
  const context = { address: 'alice', identity: alice.record.identity };
  const withEntry = (other: typeof entry) =>
    codeOf(() => resigned(alice, { devices: [...alice.record.devices, other] }));

  test('of the device itself is accepted', () => {
    expect(withEntry(entry)).toBe('nothing thrown');
  });

  test.each<[string, () => typeof entry]>([
    ['for another address', () => now(enterDevice(native, keys, { ...context, address: 'bob' }, entry))],
    ['for another identity', () => now(enterDevice(native, keys, { ...context, identity: new Uint8Array(32) }, entry))],
    ["of another device's keys", () => ({ ...entry, proof: device(alice).entry.proof })],
    ['by another key', () => now(enterDevice(native, { ...keys, signKey: alice.device.signKey }, context, entry))],
    ['over another sealing key', () => ({ ...entry, sealKey: device(alice).entry.sealKey })],
    ['over another signing key', () => ({ ...entry, signKey: device(alice).entry.signKey })],
    ['over another id', () => ({ ...entry, id: 'b'.repeat(16) })],
  ])('%s is refused', (_, make) => {
    const other = make();
    const forged = other.signKey === alice.device.signKey.publicKey ? { ...other, signKey: entry.signKey } : other;
    expect(withEntry(forged)).toBe('VERIFY_SIGNATURE');
  });

  test('that carries its payload instead of leaving it out is refused', () => {
    const payload = encodeCbor('anything');
    const proof = now(sign(native, keys.signKey, { purpose: 'device-proof', payload }));
    expect(withEntry({ ...entry, proof })).toBe('VERIFY_SIGNATURE');
  });
});

describe.each(backends)('on $name', (provider) => {
  test('device keys that are no points of their curve are refused, and no rejection stays unattended', async () => {
    const offCurve = (byte: number): PublicKey => {
      const x = new Uint8Array(32).fill(byte);
      return { kty: 'EC2', crv: 'P-256', x, y: x };
    };
    const entryOf = (id: string, signKey: PublicKey): CborValue => {
      const kid = now(keyThumbprint(native, signKey));
      const header = new Map<number, CborValue>([
        [Header.alg, -9],
        [Header.kid, kid],
      ]);
      const proof = encodeSign1({ ...prepareSign1(header, null), signature: new Uint8Array(64).fill(1) });
      const sealKey = publicKeyMap(device(alice).entry.sealKey);
      return toMap({ id, signKey: publicKeyMap(signKey), sealKey, notBefore: NOW, proof });
    };
    const devices = [entryOf('a'.repeat(16), offCurve(1)), entryOf('b'.repeat(16), offCurve(3))];
    const bytes = withContent(alice, (content) => content.set('devices', devices));
    expect(await codeOfAsync(() => run(verifyRecord(provider, bytes)))).toBe('DECODE_KEY');
    const garbage = toMap({
      ...Object.fromEntries(devices[1] as Map<number | string, CborValue>),
      proof: new Uint8Array(3),
    });
    const worse = withContent(alice, (content) => content.set('devices', [devices[0] as CborValue, garbage]));
    expect(await codeOfAsync(() => run(verifyRecord(provider, worse)))).toBe('DECODE_CBOR');
  });
});

describe('limits', () => {
  test('64 devices are accepted, 65 are not', () => {
    const more = Array.from({ length: MAX_DEVICES }, () => device(alice).entry);
    const [first, ...rest] = more;
    expect(codeOf(() => resigned(alice, { devices: more }))).toBe('nothing thrown');
    expect(codeOf(() => resigned(alice, { devices: [...more, ...alice.record.devices] }))).toBe('DECODE_RECORD');
    expect(first).toBeDefined();
    expect(rest).toHaveLength(63);
  });

  test('a record beyond 64 KiB is refused before it is decoded', () => {
    expect(verified(new Uint8Array(MAX_RECORD_BYTES + 1))).toBe('DECODE_TOO_LARGE');
    expect(verified(new Uint8Array(MAX_RECORD_BYTES))).toBe('DECODE_CBOR');
  });

  test('a key under two entries is refused: is it revoked or not?', () => {
    const [entry] = alice.record.devices;
    if (!entry) throw new TypeError('no device');
    expect(codeOf(() => resigned(alice, { devices: [entry, entry] }))).toBe('DECODE_RECORD');
    const twin = now(
      enterDevice(
        native,
        { ...alice.device, id: 'c'.repeat(16) },
        { address: 'alice', identity: alice.record.identity },
        entry,
      ),
    );
    expect(codeOf(() => resigned(alice, { devices: [{ ...entry, revokedAt: NOW }, twin] }))).toBe('DECODE_RECORD');
  });

  test('the identity key is no device key: its revocation would mean nothing', () => {
    const keys = { ...alice.device, signKey: alice.identityKey };
    const context = { address: 'alice', identity: alice.record.identity };
    const entry = now(enterDevice(native, keys, context, { notBefore: NOW }));
    expect(codeOf(() => resigned(alice, { devices: [entry] }))).toBe('DECODE_RECORD');
  });

  test('one key for signing and sealing is refused', () => {
    const p256 = account('alice', 'P256-ESP256');
    const keys = { ...p256.device, sealKey: p256.device.signKey };
    const entry = now(
      enterDevice(native, keys, { address: 'alice', identity: p256.record.identity }, { notBefore: NOW }),
    );
    expect(codeOf(() => resigned(p256, { devices: [entry] }))).toBe('DECODE_RECORD');
  });
});
