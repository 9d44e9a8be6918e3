import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildVectors, vectorsFile } from '../../scripts/vectors/build.js';
import type { OpeningVector, SealedVector, StatementVector, Vectors } from '../../scripts/vectors/types.js';
import { toHex } from '../../src/bytes/bytes.js';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { encStructure } from '../../src/cose/encrypt.js';
import { type PublicKey, readPublicKey } from '../../src/cose/key.js';
import { decodeSign1, sigStructure } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import type { CryptoProvider, PrivateKey } from '../../src/crypto/provider.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { webcryptoProvider } from '../../src/crypto/webcrypto.js';
import { isSealMQError } from '../../src/errors.js';
import { isAddress } from '../../src/protocol/address.js';
import { freshness, keyList, negative, time, verifyStatement } from '../../src/protocol/directory/index.js';
import { type OpenOutcome, open } from '../../src/protocol/envelope/open.js';
import { paddedLength } from '../../src/protocol/envelope/padding.js';
import { MAX_SEALED_BYTES } from '../../src/protocol/envelope/profile.js';
import { type Draft, seal } from '../../src/protocol/envelope/seal.js';
import { compareRecords } from '../../src/protocol/identity/chain.js';
import { type KeyRecord, verifyRecord } from '../../src/protocol/identity/record.js';
import { type Purpose, verify } from '../../src/protocol/signed.js';

const FILE = new URL('../vectors/envelope.json', import.meta.url);
const file = readFileSync(FILE, 'utf8');
const vectors = JSON.parse(file) as Vectors;

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const publicKeyOf = (name: string): PublicKey => readPublicKey(decodeCbor(bytesOf(vector(name).publicKey)));

function vector(name: string) {
  const found = vectors.keys[name];
  if (!found) throw new RangeError(`no key ${name}`);
  return found;
}

const usesRsa = (name: string) => ['PS256', 'RSA-OAEP-256'].includes(vector(name).algorithm);

describe('the vectors', () => {
  it('are what the generator makes, byte for byte', () => {
    expect(vectorsFile(buildVectors())).toBe(file);
  });

  it('have distinct names', () => {
    for (const list of [vectors.sealed, vectors.tolerated, vectors.refused, vectors.records, vectors.refusedRecords]) {
      expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
    }
  });

  it.each(Object.entries(vectors.keys))('key %s has its thumbprint', (name, { thumbprint }) => {
    expect(toHex(atOnce(run(keyThumbprint(nativeProvider(), publicKeyOf(name)))))).toBe(thumbprint);
  });

  it.each(vectors.sealed)('$name: the intermediate values fit together', (sealed) => {
    const { signed, claims, family } = sealed;
    const native = nativeProvider();
    const aad = encodeCbor(['sealmq/1 sign', 'message', family, bytesOf(sealed.recipientsHash)]);
    expect(signed.externalAad).toBe(toHex(aad));
    expect(toHex(atOnce(native.sha256(bytesOf(sealed.recipientsArray))))).toBe(sealed.recipientsHash);
    expect(toHex(sigStructure(bytesOf(signed.protectedHeader), aad, bytesOf(sealed.payload)))).toBe(
      signed.sigStructure,
    );
    const outer = encodeCbor(['sealmq/1', family, typeof claims.audience === 'string' ? claims.audience : null]);
    expect(sealed.externalAad).toBe(toHex(outer));
    const outerHeader = encodeCbor(
      new Map<number, CborValue>([
        [1, 3],
        [16, 'application/vnd.sealmq+cose'],
      ]),
    );
    expect(sealed.encStructure).toBe(toHex(encStructure(outerHeader, outer)));
    const [key, iv] = [bytesOf(sealed.contentEncryptionKey), bytesOf(sealed.iv)];
    const ciphertext = atOnce(native.aesGcmEncrypt(key, iv, bytesOf(sealed.encStructure), bytesOf(sealed.plaintext)));
    expect(toHex(ciphertext)).toBe(sealed.ciphertext);
    expect(sealed.plaintext.startsWith(signed.sign1)).toBe(true);
    expect(sealed.message.endsWith(sealed.ciphertext + sealed.recipientsArray)).toBe(true);
  });

  it.each(vectors.padding)('Padmé of $length with at least $minimum is $padded', ({ length, minimum, padded }) => {
    expect(paddedLength(length, minimum)).toBe(padded);
  });
});

describe('deterministic CBOR', () => {
  it.each(vectors.cbor.accepted)('accepts $about and writes it the same', ({ bytes }) => {
    expect(toHex(encodeCbor(decodeCbor(bytesOf(bytes))))).toBe(bytes);
  });

  it.each(vectors.cbor.refused)('refuses $about', ({ bytes }) => {
    expect(() => decodeCbor(bytesOf(bytes))).toThrow(expect.objectContaining({ code: 'DECODE_CBOR' }));
  });
});

describe('addresses', () => {
  it.each(vectors.addresses.accepted)('accepts %s', (address) => expect(isAddress(address)).toBe(true));
  it.each(vectors.addresses.refused)('refuses %j', (address) => expect(isAddress(address)).toBe(false));
});

describe.each([
  ['native', nativeProvider()],
  ['webcrypto', webcryptoProvider()],
  ['webcrypto without plain JavaScript', webcryptoProvider({ subtleFrom: 0 })],
  ['noble', nobleProvider()],
] as const)('on %s', (_name, provider) => {
  const knowsRsa = provider.supports('PS256');
  const keys = new Map<string, PrivateKey>();

  beforeAll(async () => {
    for (const [name, { algorithm, privateKey }] of Object.entries(vectors.keys)) {
      if (provider.supports(algorithm)) {
        keys.set(name, await provider.importPrivateKey(algorithm, bytesOf(privateKey)));
      }
    }
  });

  const held = (names: readonly string[]) => names.flatMap((name) => keys.get(name) ?? []);

  function opened(opening: Omit<OpeningVector, 'name' | 'about' | 'expect'>): Promise<OpenOutcome> {
    const { sender } = opening;
    return open(provider, bytesOf(opening.message), {
      address: opening.address,
      family: opening.family,
      keys: held(opening.keys),
      now: opening.now,
      senderKey: () => ('refused' in sender ? sender : { key: publicKeyOf(sender.key) }),
    });
  }

  const readings = vectors.sealed.flatMap((sealed) => sealed.opensFor.map((reader) => ({ ...sealed, ...reader })));

  it.each(readings)('$name opens with $key', async ({ address, key, signKey, ...sealed }) => {
    const outcome = await opened({ ...sealed, address, keys: [key], now: vectors.now, sender: { key: signKey } });
    if (!knowsRsa && usesRsa(key)) return expect(outcome.kind).toBe('not-for-me');
    if (!knowsRsa && usesRsa(signKey)) {
      return expect(outcome).toMatchObject({ kind: 'unverifiable', error: { code: 'USAGE_SUITE_UNAVAILABLE' } });
    }
    expect(outcome.kind).toBe(sealed.outcome);
    if (!('message' in outcome)) throw new TypeError('no message');
    const { payload, senderKey, id, inReplyTo, tagKey, ...claims } = outcome.message;
    expect(toHex(payload)).toBe(sealed.payload);
    expect(toHex(senderKey)).toBe(vector(signKey).thumbprint);
    const bytes = { ...(inReplyTo && { inReplyTo: toHex(inReplyTo) }), ...(tagKey && { tagKey: toHex(tagKey) }) };
    expect({ ...claims, id: toHex(id), ...bytes }).toEqual(sealed.claims);
  });

  it.each(vectors.tolerated)('$name opens: $about', async (opening) => {
    expect((await opened(opening)).kind).toBe(opening.expect.kind);
  });

  it.each(vectors.refused)('$name comes to $expect.kind: $about', async ({ expect: expected, ...opening }) => {
    const outcome = await opened(opening);
    if (!knowsRsa && opening.keys.some(usesRsa)) return expect(outcome.kind).toBe('not-for-me');
    expect(outcome.kind).toBe(expected.kind);
    if (expected.code) expect(outcome).toMatchObject({ error: { code: expected.code } });
    if (expected.reason) expect(outcome).toMatchObject({ reason: expected.reason });
  });

  it('refuses what is too large before it looks into it', async () => {
    const message = '00'.repeat(MAX_SEALED_BYTES + 1);
    const [usual] = vectors.tolerated;
    if (!usual) throw new RangeError('no vector');
    const outcome = await opened({ ...usual, message });
    expect(outcome).toMatchObject({ kind: 'malformed', error: { code: 'DECODE_TOO_LARGE' } });
  });

  it('asks for no sender whose message is not for me, malformed or undecryptable', async () => {
    for (const opening of vectors.refused) {
      if (!knowsRsa && opening.keys.some(usesRsa)) continue;
      const early = opening.expect.kind === 'malformed' || opening.expect.kind === 'not-for-me';
      if (!early && opening.expect.code !== 'VERIFY_DECRYPTION') continue;
      const outcome = await open(provider, bytesOf(opening.message), {
        address: opening.address,
        family: opening.family,
        keys: held(opening.keys),
        now: opening.now,
        senderKey: () => expect.unreachable(opening.name),
      });
      expect(outcome.kind).toBe(opening.expect.kind);
    }
  });

  const sealable = vectors.sealed.filter(({ signKey, recipients }) =>
    [signKey, ...recipients.map(({ key }) => key)].every((name) => knowsRsa || !usesRsa(name)),
  );

  it.each(sealable)('seals what $name holds so that its readers open it', async (sealed) => {
    const message = await seal(provider, draftOf(sealed), {
      signKey: held([sealed.signKey])[0] as PrivateKey,
      recipients: sealed.recipients.map(({ key }) => publicKeyOf(key)),
    });
    expect(message.length * 2).toBe(sealed.message.length);
    for (const { address, key } of sealed.opensFor) {
      const outcome = await opened({
        ...{ family: sealed.family, message: toHex(message), address, keys: [key], now: vectors.now },
        sender: { key: sealed.signKey },
      });
      expect(outcome.kind).toBe(sealed.outcome);
    }
  });

  describe('key records', () => {
    const known = knowsRsa ? vectors.records : vectors.records.filter(({ name }) => name !== 'bob' && name !== 'dave');

    it.each(known)('$name verifies: $about', async ({ record, hash, address, version, identityKey }) => {
      const verified = await run(verifyRecord(provider, bytesOf(record)));
      expect(toHex(verified.hash)).toBe(hash);
      expect(toHex(verified.identity)).toBe(vector(identityKey).thumbprint);
      expect(verified).toMatchObject({ address, version });
    });

    it.each(vectors.refusedRecords)('$name is refused: $about', async ({ record, kind, code }) => {
      expect(kind).toBe(code.startsWith('VERIFY_') ? 'unverifiable' : 'malformed');
      await expect(async () => run(verifyRecord(provider, bytesOf(record)))).rejects.toMatchObject({ code });
    });

    it('of keys that are off their curve verify, but nothing is sealed to them', async () => {
      const { devices } = await recordOf(provider, 'carol-off-curve');
      const [signKey] = held(['alice.sign']);
      const draft = { from: 'alice', audience: 'carol', issuedAt: vectors.now, payload: new Uint8Array(1) };
      const sealed = seal(provider, draft, {
        signKey: signKey as PrivateKey,
        recipients: devices.map(({ sealKey }) => sealKey),
      });
      await expect(sealed).rejects.toMatchObject({ code: 'DECODE_KEY' });
    });

    const followed = vectors.successions.filter(({ next }) => known.some(({ name }) => name === next));
    it.each(followed)('$next after $known is $expect', async ({ known: before, next, expect: kind, ...details }) => {
      const [first, second] = await Promise.all([recordOf(provider, before), recordOf(provider, next)]);
      expect(await run(compareRecords(provider, first, second))).toEqual({ kind, ...details });
    });
  });

  describe('statements', () => {
    const known = vectors.statements.filter(({ key }) => knowsRsa || !usesRsa(key));

    it.each(known)('$name verifies, and under no other purpose', async (statement) => {
      expect(await isValid(provider, statement, statement.purpose as Purpose)).toBe(true);
      expect(await isValid(provider, statement, 'notice')).toBe(false);
    });

    const kinds = { freshness, negative, time, 'key-list': keyList };

    it.each(Object.entries(kinds))('reads every %s', async (purpose, kind) => {
      const found = vectors.statements.filter((statement) => statement.purpose === purpose);
      expect(found.length).toBeGreaterThan(0);
      for (const { key, sign1, payload } of found) {
        const content = await run(verifyStatement(provider, [publicKeyOf(key)], kind as typeof time, bytesOf(sign1)));
        expect(toHex(encodeCbor((kind as typeof time).encode(content)))).toBe(payload);
      }
    });
  });
});

it('says USAGE_SUITE_UNAVAILABLE for RSA where there is none', () => {
  const noble = nobleProvider();
  expect(() => noble.importPrivateKey('PS256', bytesOf(vector('dave.sign').privateKey))).toThrow(
    expect.objectContaining({ code: 'USAGE_SUITE_UNAVAILABLE' }),
  );
  for (const name of ['bob', 'dave']) {
    const bytes = bytesOf(vectors.records.find((record) => record.name === name)?.record ?? '');
    expect(() => run(verifyRecord(noble, bytes))).toThrow(
      expect.toSatisfy((error) => isSealMQError(error, 'USAGE_SUITE_UNAVAILABLE')),
    );
  }
});

function draftOf({ claims, payload, family, padding }: SealedVector): Draft {
  const { id, inReplyTo, tagKey, ...others } = claims;
  return {
    ...others,
    ...{ payload: bytesOf(payload), family, padding, id: bytesOf(id) },
    ...(inReplyTo !== undefined && { inReplyTo: bytesOf(inReplyTo) }),
    ...(tagKey !== undefined && { tagKey: bytesOf(tagKey) }),
  };
}

async function recordOf(provider: CryptoProvider, name: string): Promise<KeyRecord> {
  const found = vectors.records.find((record) => record.name === name);
  return run(verifyRecord(provider, bytesOf(found?.record ?? '')));
}

async function isValid(provider: CryptoProvider, statement: StatementVector, purpose: Purpose): Promise<boolean> {
  const message = decodeSign1(bytesOf(statement.sign1));
  const payload = statement.detached ? bytesOf(statement.payload) : undefined;
  expect(message.payload === null).toBe(statement.detached);
  return run(verify(provider, publicKeyOf(statement.key), message, { purpose }, payload));
}
