import { describe, expect, test } from 'vitest';
import type { CborValue } from '../../src/bytes/cbor.js';
import { encodeProtected } from '../../src/cose/header.js';
import { Header } from '../../src/cose/labels.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import type { WrappedKey } from '../../src/crypto/suites.js';
import { openSync } from '../../src/protocol/envelope/index.js';
import { OUTER_HEADER } from '../../src/protocol/envelope/profile.js';
import { forge } from './forgery.js';
import { contextOf, inShort, native, party } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');
const rsaBob = await party('bob', native, 'RSA3072-PS256');
const base = { from: alice, to: [bob.sealKey.publicKey], audience: 'bob' };
const MALFORMED = 'malformed DECODE_COSE';
const PARTY_LABELS = [-20, -21, -22, -23, -24, -25, -26];

/** Fails on any use: what is malformed must be refused before a key is touched. */
const untouchable = new Proxy({} as CryptoProvider, {
  get(_, operation) {
    throw new TypeError(`${String(operation)} was used`);
  },
});

function opened(sealed: Uint8Array, receiver = bob): string {
  return inShort(openSync(native, sealed, contextOf(receiver, [alice])));
}

function refusedUntouched(sealed: Uint8Array): string {
  return inShort(openSync(untouchable, sealed, contextOf(bob, [alice])));
}

function withLabel(label: number | string, value: CborValue, where: 'protected' | 'unprotected') {
  return ({ protectedHeader, unprotectedHeader, ciphertext }: WrappedKey): WrappedKey => ({
    ciphertext,
    protectedHeader: where === 'protected' ? new Map([...protectedHeader, [label, value]]) : protectedHeader,
    unprotectedHeader: where === 'unprotected' ? new Map([...unprotectedHeader, [label, value]]) : unprotectedHeader,
  });
}

describe('the outer header', () => {
  const header = (...entries: [number, CborValue][]) => new Map([...OUTER_HEADER, ...entries]);
  test.each<[string, ReturnType<typeof header>]>([
    ['A128GCM', header([Header.alg, 1])],
    ['AES without authentication', header([Header.alg, -65_534])],
    ['alg as text', header([Header.alg, 'A256GCM'])],
    ['no alg', new Map([...OUTER_HEADER].filter(([label]) => label !== Header.alg))],
    ['another typ', header([Header.typ, 'application/cose'])],
    ['no typ', new Map([...OUTER_HEADER].filter(([label]) => label !== Header.typ))],
    ['crit', header([Header.crit, [Header.typ]])],
    ['empty', new Map()],
  ])('%s is refused before any key is touched', async (_, outerHeader) => {
    expect(refusedUntouched(await forge({ ...base, outerHeader }))).toBe(MALFORMED);
  });

  test.each<[string, (iv: Uint8Array) => Map<number, CborValue>]>([
    ['no iv', () => new Map()],
    ['an iv of 11 bytes', (iv) => new Map([[Header.iv, iv.subarray(1)]])],
    ['an iv of 16 bytes', () => new Map([[Header.iv, new Uint8Array(16)]])],
    ['an iv of text', () => new Map([[Header.iv, 'twelve bytes']])],
    ['a second alg', (iv) => new Map<number, CborValue>([[Header.iv, iv]]).set(Header.alg, 3)],
    ['crit', (iv) => new Map<number, CborValue>([[Header.iv, iv]]).set(Header.crit, [1])],
  ])('%s is refused before any key is touched', async (_, outerUnprotected) => {
    expect(refusedUntouched(await forge({ ...base, outerUnprotected }))).toBe(MALFORMED);
  });

  test('an unknown label that is not critical is ignored', async () => {
    const labelled = header([-70_000, 'later']);
    expect(opened(await forge({ ...base, outerHeader: labelled }))).toBe('opened');
  });
});

describe('a recipient', () => {
  const changed = (edit: (recipient: WrappedKey) => WrappedKey, to = bob) =>
    forge({ ...base, to: [to.sealKey.publicKey], changeRecipients: (all) => all.map(edit) });

  test.each(PARTY_LABELS)('with party information or salt, label %i, is refused wherever it stands', async (label) => {
    for (const where of ['protected', 'unprotected'] as const) {
      expect(refusedUntouched(await changed(withLabel(label, new Uint8Array(1), where)))).toBe(MALFORMED);
    }
  });

  test.each<[string, (recipient: WrappedKey) => WrappedKey]>([
    ['with crit', withLabel(Header.crit, [1], 'protected')],
    ['with a label more in its protected header', withLabel(-70_000, 1, 'protected')],
    ['without kid', (one) => ({ ...one, unprotectedHeader: without(one.unprotectedHeader, Header.kid) })],
    ['with a kid of 32 bytes', withLabel(Header.kid, new Uint8Array(32), 'unprotected')],
    ['with a kid of text', withLabel(Header.kid, 'abcdefgh', 'unprotected')],
    ['with a key of 24 bytes', (one) => ({ ...one, ciphertext: one.ciphertext.subarray(16) })],
    ['with a key of 48 bytes', (one) => ({ ...one, ciphertext: new Uint8Array(48) })],
    ['with an empty key', (one) => ({ ...one, ciphertext: new Uint8Array(0) })],
    [
      'with alg unprotected instead',
      (one) => ({
        ...one,
        protectedHeader: new Map(),
        unprotectedHeader: new Map([...one.unprotectedHeader, [Header.alg, -31]]),
      }),
    ],
  ])('%s is refused before any key is touched', async (_, edit) => {
    expect(refusedUntouched(await changed(edit))).toBe(MALFORMED);
  });

  test('without an ephemeral key is refused', async () => {
    const edit = (one: WrappedKey) => ({
      ...one,
      unprotectedHeader: without(one.unprotectedHeader, Header.ephemeralKey),
    });
    expect(refusedUntouched(await changed(edit))).toBe('malformed DECODE_KEY');
  });

  test.each([null, new Uint8Array(1), [-31]])('of algorithm %j is refused: it is no label', async (alg) => {
    const edit = (one: WrappedKey) => ({ ...one, protectedHeader: new Map([[Header.alg, alg]]) });
    expect(refusedUntouched(await changed(edit))).toBe(MALFORMED);
    const none = (one: WrappedKey) => ({ ...one, protectedHeader: new Map() });
    expect(refusedUntouched(await changed(none))).toBe(MALFORMED);
  });

  test('of an algorithm that this version does not know is somebody else', async () => {
    const later = (one: WrappedKey) => ({ ...one, protectedHeader: new Map([[Header.alg, -70_001]]) });
    const alone = await forge({ ...base, changeRecipients: (all) => all.map(later) });
    expect(opened(alone)).toBe('not-for-me');
    const carol = await party('carol');
    const beside = await forge({
      ...base,
      to: [carol.sealKey.publicKey, ...base.to],
      changeRecipients: (all) => all.map((one, i) => (i === 0 ? later(one) : one)),
    });
    expect(opened(beside)).toBe('opened');
  });

  test.each([-6, -25, -29, -40, -42, -3, 'direct'])(
    'of algorithm %s, which is not in the profile, is not for me',
    async (alg) => {
      const edit = (one: WrappedKey) => ({ ...one, protectedHeader: new Map([[Header.alg, alg]]) });
      expect(opened(await changed(edit))).toBe('not-for-me');
    },
  );

  test.each<[string, (recipient: WrappedKey) => WrappedKey]>([
    ['with 2,048 bits', (one) => ({ ...one, ciphertext: one.ciphertext.subarray(128) })],
    ['with 4,104 bits', (one) => ({ ...one, ciphertext: new Uint8Array(513) })],
    ['with a protected header', (one) => ({ ...one, protectedHeader: new Map([[7, 1]]) })],
  ])('of RSA %s is refused', async (_, edit) => {
    expect(refusedUntouched(await changed(edit, rsaBob))).toBe(MALFORMED);
  });

  test('of RSA with a longer ciphertext than the key has does not decrypt', async () => {
    const longer = await changed((one) => ({ ...one, ciphertext: new Uint8Array(400) }), rsaBob);
    expect(opened(longer, rsaBob)).toBe('unverifiable VERIFY_DECRYPTION');
  });

  test('of RSA in which something else than 32 bytes is encrypted does not decrypt', async () => {
    const ciphertext = await native.rsaOaepEncrypt(rsaBob.sealKey.publicKey, new Uint8Array(16));
    expect(opened(await changed((one) => ({ ...one, ciphertext }), rsaBob), rsaBob)).toBe(
      'unverifiable VERIFY_DECRYPTION',
    );
  });
});

test('a repeated kid is refused before any key is touched, whatever else the two are', async () => {
  const repeated = await forge({ ...base, to: [...base.to, ...base.to] });
  expect(refusedUntouched(repeated)).toBe(MALFORMED);
});

test('257 recipients are refused before any key is touched', async () => {
  const many = await forge({
    ...base,
    changeRecipients: ([one]) =>
      Array.from({ length: 257 }, (_, i) =>
        withLabel(Header.kid, Uint8Array.of(i >> 8, i, 0, 0, 0, 0, 0, 0), 'unprotected')(one as WrappedKey),
      ),
  });
  expect(refusedUntouched(many)).toBe(MALFORMED);
});

test('nothing at all, and text, are malformed', () => {
  for (const bytes of [new Uint8Array(0), new TextEncoder().encode('{"hello":1}'), encodeProtected(OUTER_HEADER)]) {
    expect(refusedUntouched(bytes)).toBe(MALFORMED);
  }
});

function without(header: ReadonlyMap<number | string, CborValue>, label: number) {
  return new Map([...header].filter(([key]) => key !== label));
}
