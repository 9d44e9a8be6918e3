import { describe, expect, test } from 'vitest';
import { concat } from '../../src/bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { encryptContent, freshKey } from '../../src/protocol/envelope/encrypt-content.js';
import { openSync, sealSync } from '../../src/protocol/envelope/index.js';
import {
  decodeHandIn,
  encodeHandIn,
  type HandIn,
  openRelayAnswer,
  type RelayAnswer,
  sealRelayAnswer,
  verifyHandIn,
} from '../../src/protocol/relay/index.js';
import { sign } from '../../src/protocol/signed.js';
import { codeOf } from '../bytes/error-code.js';
import { native } from '../envelope/parties.js';
import { account, NOW, now } from '../identity/accounts.js';
import { handIn, opened, opening, relayAccount, statement } from './parties.js';

const alice = account('alice');
const bob = account('bob');
const relay = relayAccount();
const sealed = sealSync(
  native,
  { from: 'alice', audience: ['bob', 'carol'], issuedAt: NOW, payload: Uint8Array.of(1, 2, 3) },
  { signKey: alice.device.signKey, recipients: [bob.device.sealKey.publicKey] },
);

describe('a hand-in', () => {
  test('carries the sealed message unchanged, and what its sender says of it', () => {
    const content = statement(relay, { wake: Uint8Array.of(7), family: 'signal' });
    const handed = opened(handIn(alice, relay, sealed, content), relay);
    expect(handed.sealed).toEqual(sealed);
    expect(handed.content).toEqual({ ...content, message: native.sha256(sealed) });
    expect(now(verifyHandIn(native, alice.device.signKey.publicKey, handed))).toBe(true);
    expect(now(verifyHandIn(native, bob.device.signKey.publicKey, handed))).toBe(false);
  });

  test('does not show the sealed message to who watches the topic', () => {
    const bytes = Buffer.from(handIn(alice, relay, sealed));
    expect(bytes.includes(Buffer.from(sealed.subarray(0, 64)))).toBe(false);
    expect(bytes.includes('alice')).toBe(false);
    expect(bytes.includes('bob')).toBe(false);
  });

  test('is for one relay: another neither opens it, nor passes on what it was given', () => {
    const other = relayAccount();
    expect(opening(handIn(alice, relay, sealed), other)).toEqual({ kind: 'not-for-me' });
    // Sealed to the keys of one relay, said to be for another.
    expect(opening(handIn(alice, relay, sealed, statement(other)), relay)).toEqual({ kind: 'not-for-me' });
  });

  test('is refused when a bit of it was flipped', () => {
    const bytes = handIn(alice, relay, sealed);
    for (let at = bytes.length - 40; at < bytes.length; at++) {
      const tampered = bytes.slice();
      tampered[at] = (tampered[at] ?? 0) ^ 1;
      expect(opening(tampered, relay).kind).not.toBe('opened');
    }
  });

  test('is no sealed message, and a sealed message is no hand-in', () => {
    const context = {
      address: 'bob',
      keys: [relay.device.sealKey],
      now: NOW,
      senderKey: () => ({ refused: 'revoked' as const }),
    };
    expect(openSync(native, handIn(alice, relay, sealed), context)).toMatchObject({ kind: 'unverifiable' });
    const draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: sealed };
    const keys = { signKey: alice.device.signKey, recipients: [relay.device.sealKey.publicKey] };
    expect(opening(sealSync(native, draft, keys), relay)).toEqual({ kind: 'unverifiable' });
  });

  test('with another message than the signed one beside it is refused', () => {
    const payload = encodeHandIn({ ...statement(relay), message: native.sha256(sealed) as Uint8Array });
    const other = sealSync(
      native,
      { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(9) },
      { signKey: alice.device.signKey, recipients: [bob.device.sealKey.publicKey] },
    );
    expect(opening(enveloped(payload, other), relay)).toMatchObject({
      kind: 'malformed',
      error: { code: 'DECODE_CLAIMS' },
    });
    expect(opening(enveloped(payload, sealed), relay).kind).toBe('opened');
  });

  test.each([
    ['nothing', new Uint8Array(0)],
    ['what is no COSE_Encrypt', encodeCbor(['a', 'b'])],
    ['two messages', concat(sealed, sealed)],
    ['a message with something behind it', concat(sealed, Uint8Array.of(0, 1))],
  ])('with %s beside it is refused', (_what, beside) => {
    const payload = encodeHandIn({ ...statement(relay), message: native.sha256(beside) as Uint8Array });
    expect(opening(enveloped(payload, beside), relay)).toMatchObject({ kind: 'malformed' });
  });

  test('of a message that is larger than what a relay takes is refused before it is decrypted', () => {
    const big = new Uint8Array(3 << 20);
    expect(opening(big, relay)).toMatchObject({ kind: 'malformed', error: { code: 'DECODE_TOO_LARGE' } });
  });

  test.each<[string, Partial<HandIn>]>([
    ['no receiver', { receivers: [] }],
    ['receivers out of order', { receivers: ['carol', 'bob'] }],
    ['a receiver twice', { receivers: ['bob', 'bob'] }],
    ['257 receivers', { receivers: Array.from({ length: 257 }, (_, n) => `r${String(n).padStart(3, '0')}`) }],
    ['the relay as a receiver', { receivers: ['relay'] }],
    ['a topic as a receiver', { receivers: ['bob/message'] }],
    ['a wildcard as a receiver', { receivers: ['+'] }],
    ['the relay as its sender', { sender: 'relay' }],
    ['a short nonce', { nonce: new Uint8Array(15) }],
    ['a `wake` that is too long', { wake: new Uint8Array(4097) }],
  ])('with %s cannot be made', (_what, changes) => {
    const content = { ...statement(relay, changes), message: new Uint8Array(32) };
    expect(codeOf(() => encodeHandIn(content))).toBe('USAGE_INVALID_ARGUMENT');
  });

  test('has one way to be written', () => {
    const content = { ...statement(relay), message: new Uint8Array(32) };
    expect(encodeHandIn({ ...content, family: 'message' })).toEqual(encodeHandIn(content));
    const named = new Map(decodeCbor(encodeHandIn(content)) as Map<string, string>).set('family', 'message');
    const sorted = new Map([...named].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)));
    expect(codeOf(() => decodeHandIn(encodeCbor(sorted)))).toBe('DECODE_CLAIMS');
  });
});

describe('the answer', () => {
  const answer: RelayAnswer = {
    nonce: new Uint8Array(16).fill(4),
    now: NOW * 1000,
    refused: new Map([['carol', 'not-registered']]),
  };
  const device = { address: 'alice', sealKey: alice.device.sealKey.publicKey };
  const reader = { address: 'alice', keys: [alice.device.sealKey] };
  const bytes = now(sealRelayAnswer(native, answer, relay.device.signKey, device));
  const signKeys = [relay.device.signKey.publicKey];

  test('is read by the device that handed in, and says what was refused', () => {
    expect(now(openRelayAnswer(native, bytes, reader, signKeys))).toEqual(answer);
  });

  test('is nobody else’s, nor of anybody else', () => {
    expect(now(openRelayAnswer(native, bytes, { ...reader, keys: [bob.device.sealKey] }, signKeys))).toBeUndefined();
    expect(now(openRelayAnswer(native, bytes, { ...reader, address: 'bob' }, signKeys))).toBeUndefined();
    expect(now(openRelayAnswer(native, bytes, reader, [bob.device.signKey.publicKey]))).toBeUndefined();
    expect(now(openRelayAnswer(native, Uint8Array.of(1), reader, signKeys))).toBeUndefined();
  });
});

/** A hand-in whose statement and message need not belong together. */
function enveloped(payload: Uint8Array, beside: Uint8Array): Uint8Array {
  return now(
    encryptContent(native, {
      ...freshKey(native),
      ...{ family: 'hand-in', audience: 'relay', recipients: [relay.device.sealKey.publicKey] },
      *plaintext() {
        return [yield* sign(native, alice.device.signKey, { purpose: 'hand-in', payload }), beside];
      },
    }),
  );
}
