import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toBase32 } from '../../src/bytes/base32.js';
import { utf8 } from '../../src/bytes/bytes.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { hmacSha256 } from '../../src/crypto/hmac.js';
import { run } from '../../src/crypto/steps.js';
import { isAddress } from '../../src/protocol/address.js';
import {
  emailId,
  isRegistrationId,
  phoneId,
  registrationId,
  verificationHash,
} from '../../src/protocol/registration/index.js';
import { backends } from '../crypto/backends.js';
import { codeOf, provider } from '../directory/fixtures.js';

const salt = new Uint8Array(32).map((_, i) => i);
const identity = new Uint8Array(32).fill(7);

describe('base32', () => {
  // RFC 4648 §10, in lower case and without padding.
  it.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('of "%s" is "%s"', (text, encoded) => expect(toBase32(utf8(text))).toBe(encoded));
});

describe.each(backends)('on $label', ({ provider: backend }) => {
  it('HMAC-SHA-256 is that of RFC 4231 and of node:crypto', async () => {
    const mac = await run(hmacSha256(backend, new Uint8Array(20).fill(0x0b), utf8('Hi There')));
    const published = 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7';
    expect(Buffer.from(mac).toString('hex')).toBe(published);
    const own = createHmac('sha256', salt).update('a@example.org').digest('hex');
    const hash = await run(verificationHash(backend, salt, emailId('A@example.org')));
    expect(Buffer.from(hash).toString('hex')).toBe(own);
  });

  it('a registration id is the hash of its opening, and an address', async () => {
    const hash = createHmac('sha256', salt).update('+4915112345678').digest();
    const opening = { identity, userId: 'alice', verificationHash: new Uint8Array(hash) };
    const id = await run(registrationId(backend, opening));
    const cbor = encodeCbor(['sealmq/hrid/1', identity, 'alice', new Uint8Array(hash)]);
    expect(id).toBe(`~${toBase32(createHash('sha256').update(cbor).digest())}`);
    expect(id).toBe('~2km7vmjmwqfxzdaooj74in64t6xzabvaxqrvlka5mjl3zdm6twnq');
    expect([isAddress(id), isRegistrationId(id), isRegistrationId('alice')]).toEqual([true, true, false]);
  });
});

describe('a registration id', () => {
  it('changes with everything that it is made of', async () => {
    const opening = { identity, userId: 'alice', verificationHash: identity };
    const ids = [
      opening,
      { ...opening, identity: salt },
      { ...opening, userId: 'alicf' },
      { ...opening, verificationHash: salt },
    ].map((each) => run(registrationId(provider, each)));
    expect(new Set(await Promise.all(ids)).size).toBe(4);
  });

  it.each(['', 'Alice', 'a/b', 'room', `~${'a'.repeat(52)}`, 'x'.repeat(65)])('has no user id "%s"', async (userId) => {
    const made = async () => run(registrationId(provider, { identity, userId, verificationHash: identity }));
    expect(await codeOf(made())).toBe('USAGE_INVALID_ARGUMENT');
  });

  it('takes 32 bytes of salt, thumbprint and hash', async () => {
    const short = new Uint8Array(31);
    const works = [
      async () => run(verificationHash(provider, short, phoneId('+4915112345678'))),
      async () => run(registrationId(provider, { identity: short, userId: 'alice', verificationHash: identity })),
      async () => run(registrationId(provider, { identity, userId: 'alice', verificationHash: short })),
    ];
    for (const work of works) expect(await codeOf(work())).toBe('USAGE_INVALID_ARGUMENT');
  });
});

describe('a verification id', () => {
  it.each([
    [' Alice@Example.ORG ', 'Alice@Example.ORG', 'alice@example.org'],
    ["o'neil+tag@mail.example.co", "o'neil+tag@mail.example.co", "o'neil+tag@mail.example.co"],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
  ])('of e-mail %s', (text, to, normalised) => expect(emailId(text)).toEqual({ kind: 'email', to, normalised }));

  it.each([
    '',
    'alice',
    '@example.org',
    'alice@',
    'alice@localhost',
    'a b@example.org',
    'a@b@example.org',
    '.a@example.org',
    'a..b@example.org',
    'alice@-a.example',
    'bücher@example.org',
    'a@bücher.example',
    'a@example.org\r\nBcc: all@example.org',
    'a@example.org,b@example.org',
    '"a"@example.org',
    'a@[127.0.0.1]',
    `${'a'.repeat(65)}@example.org`,
    `a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(20)}`,
  ])('is no e-mail address: %j', (text) => expect(() => emailId(text)).toThrow(/not an e-mail/));

  it.each(['+49 151 1234-5678', '+49(151)12345678', '+4915112345678', '+49.151/12345678'])('of phone %s', (text) => {
    expect(phoneId(text)).toEqual({ kind: 'phone', to: '+4915112345678', normalised: '+4915112345678' });
  });

  it.each([
    '',
    '+',
    '0151 12345678',
    '004915112345678',
    '+0151123456',
    '+12345',
    '+1234567890123456',
    '+49x15112345678',
  ])('is no number: %j', (text) => expect(() => phoneId(text)).toThrow(/international/));
});
