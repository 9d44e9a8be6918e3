import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Vectors } from '../../scripts/vectors/types.js';
import { toBase64url } from '../../src/bytes/base64url.js';
import { toHex } from '../../src/bytes/bytes.js';
import { step } from '../../src/crypto/steps.js';
import {
  LINK_PREFIX,
  linkText,
  makeLink,
  parseLink,
  readLinkStatement,
  signLinkStatement,
  verifyLinkStatement,
} from '../../src/protocol/identity/device-link.js';
import {
  acceptWelcome,
  addDevice,
  answerOffer,
  checkReveal,
  generateDeviceKeys,
  hasEntry,
  LINK_LIFETIME,
  offerLink,
  revokeDevice,
  startLink,
  verifyRecord,
  welcomeDevice,
} from '../../src/protocol/identity/index.js';
import { native } from '../envelope/parties.js';
import { account, device, NOW, next, now, resigned } from './accounts.js';

const suites = ['X25519-Ed25519', 'P256-ESP256', 'RSA3072-PS256'] as const;

/** A new device of `owner` that shows a link. */
function waiting(owner = account(), suite: (typeof suites)[number] = 'X25519-Ed25519') {
  const keys = now(generateDeviceKeys(native, suite));
  const state = now(startLink(native, keys, owner.record, { now: NOW, name: 'phone' }));
  return { owner, keys, state, text: linkText(state.link) };
}

const offer = ({ owner, text }: ReturnType<typeof waiting>, at = NOW) =>
  now(offerLink(native, owner.identityKey, owner.record, { text, now: at }));

test.each(suites)('%s: both devices come to the same digits, and the new one to its record', (suite) => {
  const phone = waiting(account('alice', suite), suite);
  const { owner, keys } = phone;
  const offered = offer(phone);
  const answered = now(answerOffer(native, keys, phone.state, offered.offer));
  if (!answered) throw new TypeError('not answered');
  const { reveal, digits } = answered.answered;
  expect(digits).toMatch(/^\d{6}$/);
  expect(now(checkReveal(native, offered, reveal))).toBe(digits);
  const record = next(owner, owner.record, addDevice(offered.link.device));
  const shared = Uint8Array.of(7);
  const welcome = now(welcomeDevice(native, owner.identityKey, offered, { record, shared }));
  expect(now(acceptWelcome(native, answered, welcome))).toEqual({ record, shared });
  expect(hasEntry(record, phone.state.link.device)).toBe(true);
});

test('a link is text that survives a line break behind it, and nothing else', () => {
  const { text, state } = waiting();
  expect(text.startsWith(LINK_PREFIX)).toBe(true);
  expect(parseLink(`${text}\n`)).toEqual(state.link);
  const cases = [
    '',
    'https://example.org',
    LINK_PREFIX,
    text.slice(0, -5),
    `${text}A`,
    `${LINK_PREFIX}${toBase64url(Uint8Array.of(0))}`,
  ];
  for (const bad of cases) expect(() => parseLink(bad)).toThrow(expect.objectContaining({ code: 'DECODE_LINK' }));
  const long = LINK_PREFIX + 'A'.repeat(10_000);
  expect(() => parseLink(long)).toThrow(expect.objectContaining({ code: 'DECODE_TOO_LARGE' }));
});

test('a link expires, is for one address, and for one identity', () => {
  const phone = waiting();
  offer(phone, NOW + LINK_LIFETIME - 1);
  expect(() => offer(phone, NOW + LINK_LIFETIME)).toThrow(expect.objectContaining({ code: 'USAGE_LINK_EXPIRED' }));
  expect(() => offer({ ...phone, owner: account('bob') })).toThrow(
    expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }),
  );
  // The directory showed the new device another identity of that name.
  expect(() => offer({ ...phone, owner: account('alice') })).toThrow(
    expect.objectContaining({ code: 'VERIFY_SIGNATURE' }),
  );
  const closed = makeLink({ ...phone.state.link, device: { ...phone.state.link.device, revokedAt: NOW } });
  expect(() => offer({ ...phone, text: linkText(closed) })).toThrow(expect.objectContaining({ code: 'DECODE_LINK' }));
});

test('only who has seen the link can answer it, and only with the identity key', () => {
  const phone = waiting();
  const other = waiting(phone.owner);
  const refused = (bytes: Uint8Array) =>
    expect(() => now(answerOffer(native, phone.keys, phone.state, bytes))).toThrow(
      expect.objectContaining({ code: 'VERIFY_SIGNATURE' }),
    );
  refused(offer(other).offer);
  const { record, identityKey, device: primary } = phone.owner;
  const statement = { step: 'offer', nonce: new Uint8Array(32), record: record.bytes } as const;
  refused(now(signLinkStatement(native, primary.signKey, phone.state.hash, statement)));
  // Somebody else's account of the same name.
  const impostor = account('alice');
  const theirs = { ...statement, record: impostor.record.bytes };
  refused(now(signLinkStatement(native, impostor.identityKey, phone.state.hash, theirs)));
  refused(now(signLinkStatement(native, identityKey, phone.state.hash, { step: 'reveal', nonce: new Uint8Array(32) })));
});

test('a link is answered once: a second offer could choose the digits', () => {
  const phone = waiting();
  const [first, second] = [offer(phone), offer(phone)];
  const answered = now(answerOffer(native, phone.keys, phone.state, first.offer));
  if (!answered) throw new TypeError('not answered');
  expect(now(answerOffer(native, phone.keys, answered, first.offer))).toEqual(answered);
  expect(now(answerOffer(native, phone.keys, answered, second.offer))).toBeUndefined();
  // The reveal belongs to the link, whichever offer it answered, so that two offers never end in the same digits.
  expect(now(checkReveal(native, second, answered.answered.reveal))).not.toBe(answered.answered.digits);
});

test('the new device cannot choose its nonce once it has seen the offer', () => {
  const phone = waiting();
  const offered = offer(phone);
  const other = now(
    signLinkStatement(native, phone.keys.signKey, phone.state.hash, { step: 'reveal', nonce: new Uint8Array(32) }),
  );
  const stranger = waiting(phone.owner).keys;
  const forged = now(
    signLinkStatement(native, stranger.signKey, phone.state.hash, { step: 'reveal', nonce: phone.state.nonce }),
  );
  for (const bytes of [other, forged, offered.offer]) {
    expect(() => now(checkReveal(native, offered, bytes))).toThrow(
      expect.objectContaining({ code: 'VERIFY_SIGNATURE' }),
    );
  }
});

test('nobody is welcomed before digits were shown, or into a record that lacks the device', () => {
  const phone = waiting();
  const { owner } = phone;
  const offered = offer(phone);
  const record = next(owner, owner.record, addDevice(offered.link.device));
  const welcome = (content: typeof record) =>
    now(welcomeDevice(native, owner.identityKey, offered, { record: content }));
  const refused = expect.objectContaining({ code: 'VERIFY_SIGNATURE' });
  expect(() => now(acceptWelcome(native, phone.state, welcome(record)))).toThrow(refused);
  const answered = now(answerOffer(native, phone.keys, phone.state, offered.offer));
  if (!answered) throw new TypeError('not answered');
  expect(() => now(acceptWelcome(native, answered, welcome(owner.record)))).toThrow(refused);
  const revoked = next(owner, record, revokeDevice(offered.link.device.id, NOW));
  expect(() => now(acceptWelcome(native, answered, welcome(revoked)))).toThrow(refused);
  expect(() => now(acceptWelcome(native, answered, offered.offer))).toThrow(refused);
});

test('a device id belongs to one device for good', () => {
  const owner = account();
  const [first] = owner.record.devices;
  const { entry } = device(owner, { id: first?.id ?? '' });
  expect(() => next(owner, owner.record, addDevice(entry))).toThrow(
    expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }),
  );
  expect(() => resigned(owner, { devices: [...owner.record.devices, entry] })).toThrow(
    expect.objectContaining({ code: 'DECODE_RECORD' }),
  );
  expect(() => resigned(owner, { devices: [...owner.record.devices, { ...entry, revokedAt: NOW }] })).not.toThrow();
});

test('the vector is read as it was written', () => {
  const file = readFileSync(new URL('../vectors/envelope.json', import.meta.url), 'utf8');
  const [vector] = (JSON.parse(file) as Vectors).links;
  if (!vector) throw new TypeError('no vector');
  const link = parseLink(vector.text);
  expect(toHex(link.bytes)).toBe(vector.bytes);
  const hash = now(step(native.sha256(link.bytes)));
  expect(toHex(hash)).toBe(vector.hash);
  const [offer, reveal] = [vector.offer, vector.reveal].map((bytes) => Uint8Array.from(Buffer.from(bytes, 'hex')));
  const { identityKey, identity } = now(
    verifyRecord(native, (readLinkStatement(offer as Uint8Array) as { record: Uint8Array }).record),
  );
  expect(now(verifyLinkStatement(native, identityKey, hash, offer as Uint8Array))).toBe(true);
  const nonce = Uint8Array.from(Buffer.from(vector.offerNonce, 'hex'));
  expect(
    now(checkReveal(native, { link, hash, identity, nonce, offer: offer as Uint8Array }, reveal as Uint8Array)),
  ).toBe(vector.digits);
});
