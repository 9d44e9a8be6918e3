import { afterEach, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { run } from '../../src/crypto/steps.js';
import { negative, signStatement } from '../../src/protocol/directory/index.js';
import { infoOk, readInfoOk, verifyInfoOk } from '../../src/protocol/registration/index.js';
import { sign } from '../../src/protocol/signed.js';
import { openDirectoryKeys } from '../../src/server/key-provider/directory-keys.js';
import { createKeyProvider, type KeyProvider } from '../../src/server/key-provider/index.js';
import { accountOf, codeOf, lastingStore, manualClock, provider, START } from '../directory/fixtures.js';

const key = await provider.generateKey('Ed25519');
const keys = [key.publicKey];
const content = { address: 'alice', identity: new Uint8Array(32).fill(1), issuedAt: START, expiresAt: START + 100 };
const DAY = 24 * 3600;

async function signed(): Promise<Uint8Array> {
  return run(signStatement(provider, key, infoOk, content));
}

async function verified(bytes: Uint8Array, now = START, by = keys) {
  return run(verifyInfoOk(provider, by, bytes, now));
}

describe('an Info OK', () => {
  it('verifies until it expires', async () => {
    const bytes = await signed();
    expect(await verified(bytes)).toEqual(content);
    expect(await verified(bytes, START + 99)).toEqual(content);
    expect(await codeOf(verified(bytes, START + 100))).toBe('DIRECTORY_STALE');
    expect(await run(readInfoOk(provider, keys, bytes))).toEqual(content);
  });

  it('is of a directory key, whole, and of this purpose', async () => {
    const bytes = await signed();
    const other = await provider.generateKey('Ed25519');
    expect(await codeOf(verified(bytes, START, [other.publicKey]))).toBe('DIRECTORY_KEY_CHANGED');
    const forged = bytes.slice();
    forged.set([(forged.at(-1) ?? 0) ^ 1], forged.length - 1);
    const payload = encodeCbor(infoOk.encode(content));
    const wrong = [
      forged,
      bytes.slice(0, -1),
      new Uint8Array(),
      new Uint8Array(4096),
      await run(signStatement(provider, key, negative, { address: 'alice', servedAt: START, maxAge: 100 })),
      await run(sign(provider, key, { purpose: 'token', payload })),
      await run(sign(provider, key, { purpose: 'info-ok', payload: encodeCbor(toMap({ ...content, address: 'A' })) })),
    ];
    for (const each of wrong) expect(await codeOf(verified(each))).toBe('DIRECTORY_BAD_ANSWER');
  });
});

describe('a key provider', () => {
  const running: KeyProvider[] = [];
  afterEach(async () => {
    for (const server of running.splice(0)) await server.close();
  });

  it('answers in its process whether an address is registered', async () => {
    const server = await createKeyProvider({ clock: manualClock() });
    running.push(server);
    expect(await server.registered('alice')).toBe(false);
    const body = (await accountOf('alice')).record.bytes as Uint8Array<ArrayBuffer>;
    await server.app(new Request(`${server.url}/v1/keys/alice`, { method: 'PUT', body }));
    expect(await server.registered('alice')).toBe(true);
  });

  it('checks Info OKs by its keys, also by one that it has rolled over from', async () => {
    const clock = manualClock();
    const store = lastingStore();
    const own = await openDirectoryKeys(store, provider, clock.seconds);
    const bytes = await own.sign(infoOk, { ...content, expiresAt: START + 365 * DAY });
    const server = await createKeyProvider({ clock, store });
    running.push(server);
    expect((await server.checkInfoOk(bytes)).address).toBe('alice');
    expect(await codeOf(server.checkInfoOk(await signed()))).toBe('DIRECTORY_KEY_CHANGED');
    await server.rotateDirectoryKey({ overlap: DAY });
    clock.advance(2 * DAY);
    expect((await server.checkInfoOk(bytes)).address).toBe('alice');
    clock.advance(90 * DAY);
    expect(await codeOf(server.checkInfoOk(bytes))).toBe('DIRECTORY_KEY_CHANGED');
  });
});
