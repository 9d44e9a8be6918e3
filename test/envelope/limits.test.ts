import { describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/cose/key.js';
import {
  type Draft,
  MAX_PAYLOAD_BYTES,
  MAX_RECIPIENTS,
  MAX_SEALED_BYTES,
  openSync,
  seal,
  sealSync,
} from '../../src/protocol/envelope/index.js';
import { codeOf, codeOfAsync } from '../bytes/error-code.js';
import { contextOf, inShort, NOW, native, noble, party, webcrypto } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');
const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(1) };
const toBob = [bob.sealKey.publicKey];
const sealing = (changes: Partial<Draft>, recipients: readonly PublicKey[] = toBob) =>
  codeOf(() => sealSync(native, { ...draft, ...changes }, { signKey: alice.signKey, recipients }));

async function deviceKeys(count: number): Promise<PublicKey[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => native.generateKey('X25519')));
  return keys.map(({ publicKey }) => publicKey);
}

describe('payload', () => {
  test('one byte beyond the limit is refused, in the standard and in a setting', () => {
    expect(sealing({ payload: new Uint8Array(MAX_PAYLOAD_BYTES) })).toBe('nothing thrown');
    expect(sealing({ payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) })).toBe('USAGE_PAYLOAD_TOO_LARGE');
    expect(sealing({ payload: new Uint8Array(10), maxPayloadBytes: 10 })).toBe('nothing thrown');
    expect(sealing({ payload: new Uint8Array(11), maxPayloadBytes: 10 })).toBe('USAGE_PAYLOAD_TOO_LARGE');
  });

  test.each([['text'], [undefined], [null], [[1, 2]], [new ArrayBuffer(3)]])('%j is no bytes', (payload) => {
    expect(sealing({ payload: payload as unknown as Uint8Array })).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('the largest payload for the most devices stays below the largest sealed message', async () => {
    const recipients = await deviceKeys(MAX_RECIPIENTS);
    const payload = new Uint8Array(MAX_PAYLOAD_BYTES);
    const sealed = sealSync(native, { ...draft, payload }, { signKey: alice.signKey, recipients });
    expect(sealed.length).toBeLessThan(MAX_SEALED_BYTES);
  });
});

describe('recipients', () => {
  test('256 are served, none and 257 are refused', async () => {
    const devices = await deviceKeys(256);
    expect(sealing({}, [])).toBe('USAGE_TOO_MANY_RECIPIENTS');
    expect(sealing({}, [...devices, ...toBob])).toBe('USAGE_TOO_MANY_RECIPIENTS');
    const recipients = [...devices.slice(1), ...toBob];
    const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients });
    expect(openSync(native, sealed, contextOf(bob, [alice])).kind).toBe('opened');
  });

  test('the same device twice is refused', () => {
    expect(sealing({}, [...toBob, ...toBob])).toBe('USAGE_INVALID_ARGUMENT');
    expect(sealing({}, [...toBob, { ...bob.sealKey.publicKey }])).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('a signing key is no key to seal to', () => {
    expect(sealing({}, [alice.signKey.publicKey])).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('a point that is not on its curve is refused', async () => {
    const offCurve: PublicKey = { kty: 'EC2', crv: 'P-256', x: new Uint8Array(32).fill(1), y: new Uint8Array(32) };
    for (const provider of [native, noble, webcrypto]) {
      const { signKey } = await party('alice', provider);
      expect(await codeOfAsync(() => seal(provider, draft, { signKey, recipients: [offCurve] }))).toBe('DECODE_KEY');
    }
  });

  test('a low-order X25519 point is refused', async () => {
    const lowOrder: PublicKey = { kty: 'OKP', crv: 'X25519', x: new Uint8Array(32) };
    for (const provider of [native, noble, webcrypto]) {
      const { signKey } = await party('alice', provider);
      expect(await codeOfAsync(() => seal(provider, draft, { signKey, recipients: [lowOrder] }))).toBe('DECODE_KEY');
    }
  });

  test('two bad recipients are one refusal: no rejection stays unattended', async () => {
    const offCurve: PublicKey = { kty: 'EC2', crv: 'P-256', x: new Uint8Array(32).fill(1), y: new Uint8Array(32) };
    const { signKey } = await party('alice', webcrypto);
    const recipients = [offCurve, { ...offCurve, x: new Uint8Array(32).fill(3) }, signKey.publicKey];
    const refused = await codeOfAsync(() => seal(webcrypto, draft, { signKey, recipients }));
    expect(refused).toBe('USAGE_INVALID_ARGUMENT');
    expect(await codeOfAsync(() => seal(webcrypto, draft, { signKey, recipients: recipients.slice(0, 2) }))).toBe(
      'DECODE_KEY',
    );
  });

  test('RSA keys on noble answer USAGE_SUITE_UNAVAILABLE', async () => {
    const rsa = await party('bob', native, 'RSA3072-PS256');
    const { signKey } = await party('alice', noble);
    const sealed = codeOf(() => sealSync(noble, draft, { signKey, recipients: [rsa.sealKey.publicKey] }));
    expect(sealed).toBe('USAGE_SUITE_UNAVAILABLE');
  });
});

describe('keys', () => {
  test('a sealing key does not sign', () => {
    const misused = codeOf(() => sealSync(native, draft, { signKey: alice.sealKey, recipients: toBob }));
    expect(misused).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('a private key of another backend is refused', async () => {
    const elsewhere = await party('alice', noble);
    const misused = codeOf(() => sealSync(native, draft, { signKey: elsewhere.signKey, recipients: toBob }));
    expect(misused).toBe('USAGE_INVALID_ARGUMENT');
  });
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, MAX_SEALED_BYTES + 1])(
  'padding to %d bytes is refused',
  (padding) => {
    expect(sealing({ padding })).toBe('USAGE_INVALID_ARGUMENT');
  },
);

test('a sealed message beyond the largest is refused unread', () => {
  const sealed = sealSync(
    native,
    { ...draft, payload: new Uint8Array(500) },
    { signKey: alice.signKey, recipients: toBob },
  );
  const tight = contextOf(bob, [alice], { maxSealedBytes: sealed.length - 1 });
  expect(inShort(openSync(native, sealed, tight))).toBe('malformed DECODE_TOO_LARGE');
  expect(inShort(openSync(native, new Uint8Array(MAX_SEALED_BYTES + 1), contextOf(bob, [alice])))).toBe(
    'malformed DECODE_TOO_LARGE',
  );
  expect(openSync(native, sealed, contextOf(bob, [alice], { maxSealedBytes: sealed.length })).kind).toBe('opened');
});
