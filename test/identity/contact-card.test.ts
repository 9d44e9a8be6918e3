import { describe, expect, test } from 'vitest';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { run } from '../../src/crypto/steps.js';
import { suites } from '../../src/crypto/suites.js';
import {
  type CardDraft,
  cardText,
  isCardText,
  makeCard,
  readCard,
  retireDevice,
  revokeDevice,
  verifyCard,
} from '../../src/protocol/identity/index.js';
import { type Purpose, sign } from '../../src/protocol/signed.js';
import { backends, hex, readVectors } from '../crypto/backends.js';
import { native } from '../envelope/parties.js';
import { account, DAY, device, NOW, next, now } from './accounts.js';

const alice = account('alice');
const anonymous = account(`~${'z2345677'.repeat(6)}abcd`);
const draft = { record: alice.record, issuedAt: NOW, expiresAt: NOW + DAY };
const make = (changes: Partial<CardDraft> = {}, owner = alice) =>
  now(makeCard(native, owner.device, { ...draft, record: owner.record, ...changes }));
const read = (text: string, at = NOW) => now(readCard(native, text, at));
const refusal = (code: string) => expect.objectContaining({ code });

/** A card as somebody else would write it. */
function forged(content: object, { purpose = 'card' as Purpose, key = alice.device.signKey, detached = false } = {}) {
  const payload = encodeCbor(toMap({ ...content }));
  return cardText({ bytes: now(sign(native, key, { purpose, payload, detached })) });
}
const honest = { record: alice.record.bytes, issuedAt: NOW, expiresAt: NOW + DAY };

interface CardVector {
  readonly name: string;
  readonly text: string;
  readonly identity: string;
  readonly record: boolean;
}
const vectors = readVectors<{ now: number; cards: readonly CardVector[] }>('contacts.json');

describe.each(backends)('on $label', ({ provider }) => {
  test.each(vectors.cards)('$name', async ({ text, identity, record }) => {
    const card = await run(readCard(provider, text, vectors.now));
    expect(card).toMatchObject({ address: 'alice', identity: hex(identity) });
    expect(card.record !== undefined).toBe(record);
  });
});

describe('a card', () => {
  test.each(suites.map(({ name }) => name).slice(0, 2))('is read as it was made: %s', (suite) => {
    const owner = account('bob', suite);
    const card = make({ name: 'Bob B.', infoOk: Uint8Array.of(1, 2) }, owner);
    expect(cardText(card)).toMatch(/^sealmq:card\/[\w-]+$/);
    expect(read(` ${cardText(card)}\n`)).toEqual(card);
    expect(card).toMatchObject({ address: 'bob', identity: owner.record.identity, record: owner.record });
  });

  test('of an anonymous address names it, and holds all that a sender needs', () => {
    const { record, address } = read(cardText(make({}, anonymous)));
    expect(address).toBe(anonymous.record.address);
    expect(record?.devices).toEqual(anonymous.record.devices);
  });

  test('can be made by a linked device', () => {
    const { keys, entry } = device(alice);
    const record = next(alice, alice.record, (devices) => [...devices, entry]);
    expect(read(cardText(now(makeCard(native, keys, { ...draft, record })))).record).toEqual(record);
  });

  test('fits into a QR code that a terminal of 80 columns can show, when it is brief', () => {
    const longest = account('a'.repeat(64));
    const text = cardText(make({ brief: true, name: 'n'.repeat(20) }, longest));
    // Version 14 with the lowest error correction: 73 modules.
    expect(text.length).toBeLessThanOrEqual(458);
    expect(cardText(make({}, anonymous)).length).toBeLessThanOrEqual(1100);
  });

  test('holds until it expires, or its record does', () => {
    const card = make();
    read(cardText(card), NOW + DAY - 1);
    expect(() => read(cardText(card), NOW + DAY)).toThrow(refusal('USAGE_CARD_EXPIRED'));
    const forever = make({ expiresAt: NOW + 10 ** 9 });
    read(cardText(forever), alice.record.expiresAt - 1);
    expect(() => read(cardText(forever), alice.record.expiresAt)).toThrow(refusal('USAGE_CARD_EXPIRED'));
  });
});

describe('refused', () => {
  test('every card with a byte changed', () => {
    const { bytes } = make({ name: 'Alice', infoOk: new Uint8Array(2) });
    const codes = new Set<string>();
    for (let i = 0; i < bytes.length; i++) {
      const altered = bytes.slice();
      altered[i] = (altered[i] as number) ^ (1 << (i % 8));
      try {
        read(cardText({ bytes: altered }));
        codes.add(`byte ${i} does not matter`);
      } catch (error) {
        codes.add((error as { code: string }).code);
      }
    }
    expect([...codes].sort()).toEqual(['DECODE_CARD', 'VERIFY_SIGNATURE']);
  });

  const text = cardText(make());
  test.each([
    ['nothing', ''],
    ['something else', 'https://example.org'],
    ['a link of a device', `sealmq:link/${text.slice(12)}`],
    ['one without its prefix', text.slice(12)],
    ['one that was cut off', text.slice(0, -7)],
    ['one with something behind it', `${text}AAAA`],
    ['two of them', text + text],
    ['a space inside', `${text.slice(0, 50)} ${text.slice(50)}`],
    ['capitals in the prefix', text.replace('sealmq', 'SEALMQ')],
    ['without address', forged({ identity: alice.record.identity, issuedAt: 1, expiresAt: NOW + 1 })],
    ['no address', forged({ address: 'a/b', identity: alice.record.identity, issuedAt: 1, expiresAt: NOW + 1 })],
    ['half a thumbprint', forged({ address: 'alice', identity: new Uint8Array(16), issuedAt: 1, expiresAt: NOW + 1 })],
    ['a record of another kind', forged({ ...honest, record: 'alice' })],
    ['a record that is none', forged({ ...honest, record: new Uint8Array(9) })],
    ['without end', forged({ record: honest.record, issuedAt: NOW })],
    ['a name without letters', forged({ ...honest, name: '' })],
    ['a name that is too long', forged({ ...honest, name: 'n'.repeat(65) })],
    ['a registration proof that is too large', forged({ ...honest, infoOk: new Uint8Array(2049) })],
    ['without payload', forged(honest, { detached: true })],
  ])('%s', (_name, text) => {
    expect(() => read(text)).toThrow(refusal('DECODE_CARD'));
    expect(() => read(text)).not.toThrow(text.slice(20, 60));
  });

  test('one that is too large, before it is decoded', () => {
    expect(() => read(`sealmq:card/${'A'.repeat(100_000)}`)).toThrow(refusal('DECODE_TOO_LARGE'));
  });

  test.each<[string, string]>([
    ['by a stranger', forged(honest, { key: account('mallory').device.signKey })],
    ['by the identity key', forged(honest, { key: alice.identityKey })],
    ['signed for another purpose', forged(honest, { purpose: 'notice' })],
    ['about the record of somebody else', forged({ ...honest, record: anonymous.record.bytes })],
  ])('one %s', (_name, text) => {
    expect(() => read(text)).toThrow(refusal('VERIFY_SIGNATURE'));
  });

  test('one by a device that was revoked', () => {
    const { keys, entry } = device(alice);
    const entered = next(alice, alice.record, (devices) => [...devices, entry]);
    const by = (record: typeof entered) => cardText(now(makeCard(native, keys, { ...draft, record })));
    read(by(next(alice, entered, retireDevice(entry.id, NOW))));
    const revoked = by(next(alice, entered, revokeDevice(entry.id, NOW)));
    expect(() => read(revoked)).toThrow(refusal('VERIFY_SIGNATURE'));
  });
});

describe('a brief card', () => {
  const card = read(cardText(make({ brief: true, name: 'Alice' })));

  test('names address and identity, and is as good as the record that it agrees with', () => {
    expect(card).toMatchObject({ address: 'alice', identity: alice.record.identity, name: 'Alice' });
    expect(card.record).toBeUndefined();
    now(verifyCard(native, card, alice.record, NOW));
  });

  test('does not agree with anybody else, or without its device', () => {
    const other = account('alice');
    const altered = read(
      forged({ address: 'alice', identity: other.record.identity, issuedAt: 1, expiresAt: NOW + 1 }),
    );
    const records = [
      [card, other.record],
      [card, anonymous.record],
      [altered, other.record],
      [
        card,
        next(alice, alice.record, (devices) => [
          ...revokeDevice(devices[0]?.id ?? '', NOW)(devices),
          device(alice).entry,
        ]),
      ],
    ] as const;
    for (const [card, record] of records) {
      expect(() => now(verifyCard(native, card, record, NOW))).toThrow(refusal('VERIFY_SIGNATURE'));
    }
  });
});

test('what means to be a card', () => {
  expect(isCardText(' sealmq:card/x')).toBe(true);
  for (const text of ['alice', 'sealmq:link/x', 'card/x', '']) expect(isCardText(text)).toBe(false);
});
