import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { run } from '../../src/crypto/steps.js';
import { signTokenRequest } from '../../src/protocol/directory/index.js';
import { revokeDevice } from '../../src/protocol/identity/account.js';
import type { Account } from '../../src/protocol/identity/index.js';
import { addDevice, enterDevice, generateDeviceKeys } from '../../src/protocol/identity/index.js';
import { infoOk } from '../../src/protocol/registration/info-ok.js';
import { sign } from '../../src/protocol/signed.js';
import { openDirectoryKeys } from '../../src/server/key-provider/directory-keys.js';
import type { KeyProvider } from '../../src/server/key-provider/index.js';
import { accountOf, lastingStore, manualClock, nextOf, provider } from '../directory/fixtures.js';
import { ask, fetchChallenge, openDirectory, outcomeOf, post, register } from './desk.js';

const ID = 'abcdefghijABCDEFGHIJ22';

async function tokenOf(directory: KeyProvider, account: Account, clientId = ID): Promise<string> {
  return ((await (await ask(directory, account, clientId)).json()) as { token: string }).token;
}

const keySetOf = ({ url }: KeyProvider) => createRemoteJWKSet(new URL('/.well-known/jwks.json', url));

test('a device that signs the challenge is given a token that others verify by the published keys', async () => {
  const directory = await openDirectory({ admission: { issuer: 'https://keys.example', lifetime: 600 } });
  const alice = await register(directory, 'alice');
  const answer = await ask(directory, alice, ID);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
  const { token, expiresIn } = (await answer.json()) as { token: string; expiresIn: number };
  expect(expiresIn).toBe(600);
  const expected = { issuer: 'https://keys.example', audience: 'mqtt', algorithms: ['ES256'] };
  const { payload } = await jwtVerify(token, keySetOf(directory), expected);
  // By these names EMQX and HiveMQ compare claims with user name and client id.
  expect(payload).toMatchObject({ sub: 'alice', username: 'alice', clientid: ID, device: alice.device.id });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(601);
  expect(token.length).toBeLessThan(4096);
});

test('the key set has no private parts', async () => {
  const directory = await openDirectory();
  const answer = await fetch(`${directory.url}/.well-known/jwks.json`);
  expect(answer.headers.get('Content-Type')).toBe('application/jwk-set+json');
  const { keys } = (await answer.json()) as { keys: Record<string, string>[] };
  expect(keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
});

test('a directory that does not admit has no such routes', async () => {
  const directory = await openDirectory({ admission: false });
  for (const path of ['/v1/admission', '/.well-known/jwks.json'])
    expect((await fetch(directory.url + path)).status).toBe(404);
  expect(directory.admission).toBeUndefined();
});

test('nobody is admitted who does not hold an active device key of the address', async () => {
  const directory = await openDirectory();
  const [alice, mallory, nobody] = [
    await register(directory, 'alice'),
    await register(directory, 'mallory'),
    await accountOf('nobody'),
  ];
  expect(await outcomeOf(ask(directory, nobody, ID))).toBe('404 DIRECTORY_NOT_FOUND');
  expect(await outcomeOf(ask(directory, mallory, ID, { address: 'alice' }))).toBe('403 DIRECTORY_REFUSED');
  await expect(ask(directory, alice, 'with\u0000zero')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  // The identity key is no device key, and a signature for another purpose is none.
  const challenge = await fetchChallenge(directory);
  const identity = { ...alice, device: { ...alice.device, signKey: alice.identityKey } };
  expect(await outcomeOf(ask(directory, identity, ID))).toBe('403 DIRECTORY_REFUSED');
  const bytes = await run(
    signTokenRequest(provider, alice.device.signKey, { challenge, address: 'alice', clientId: ID }),
  );
  const { payload } = decodeSign1(bytes);
  const moved = await run(sign(provider, alice.device.signKey, { purpose: 'notice', payload: payload as Uint8Array }));
  expect(await outcomeOf(post(directory, moved))).toBe('403 DIRECTORY_REFUSED');
  expect(await outcomeOf(post(directory, bytes))).toBe('200');
  for (const garbage of [new Uint8Array(0), new Uint8Array(100), bytes.subarray(0, -1)])
    expect(await outcomeOf(post(directory, garbage))).toMatch(/^400 DECODE_/);
  expect(await outcomeOf(post(directory, new Uint8Array(200_000)))).toBe('413 DECODE_TOO_LARGE');
});

test('a revoked device is admitted no more, the others are', async () => {
  const directory = await openDirectory();
  const alice = await register(directory, 'alice');
  const now = Math.floor(Date.now() / 1000);
  const phone = await run(generateDeviceKeys(provider, 'P256-ESP256'));
  const context = { address: 'alice', identity: alice.record.identity };
  const entry = await run(enterDevice(provider, phone, context, { notBefore: now }));
  const second = await nextOf(alice, alice.record, now, addDevice(entry));
  const third = await nextOf(alice, second, now, revokeDevice(alice.device.id, now));
  for (const { bytes } of [second, third]) {
    const body = bytes as Uint8Array<ArrayBuffer>;
    expect((await fetch(`${directory.url}/v1/keys/alice`, { method: 'PUT', body })).ok).toBe(true);
  }
  expect(await outcomeOf(ask(directory, alice, ID))).toBe('403 DIRECTORY_REFUSED');
  expect(await outcomeOf(ask(directory, { ...alice, device: phone }, ID))).toBe('200');
});

test('an anonymous address proves itself with its Info OK and its record', async () => {
  const store = lastingStore();
  const directory = await openDirectory({ store });
  const now = Math.floor(Date.now() / 1000);
  const address = `~${'a'.repeat(52)}`;
  const [hidden, other] = [await accountOf(address, now), await accountOf(address, now)];
  const keys = await openDirectoryKeys(store, provider, () => now);
  const said = { address, identity: hidden.record.identity, issuedAt: now, expiresAt: now + 60 };
  const good = await keys.sign(infoOk, said);
  const record = hidden.record.bytes;
  expect(await outcomeOf(ask(directory, hidden, ID))).toBe('404 DIRECTORY_NOT_FOUND');
  expect(await outcomeOf(ask(directory, hidden, ID, { infoOk: good }))).toBe('404 DIRECTORY_NOT_FOUND');
  expect(await outcomeOf(ask(directory, hidden, ID, { infoOk: good, record }))).toBe('200');
  for (const wrong of [
    { infoOk: good, record: other.record.bytes },
    { infoOk: await keys.sign(infoOk, { ...said, expiresAt: now - 1 }), record },
    { infoOk: await keys.sign(infoOk, { ...said, address: 'somebody' }), record },
    { infoOk: await (await openDirectoryKeys(lastingStore(), provider, () => now)).sign(infoOk, said), record },
    { infoOk: good, record: record.subarray(1) },
  ]) {
    expect(await outcomeOf(ask(directory, hidden, ID, wrong))).toBe('403 DIRECTORY_REFUSED');
  }
  expect(await outcomeOf(ask(directory, other, ID, { infoOk: good, record }))).toBe('403 DIRECTORY_REFUSED');
});

test('a challenge is answered once, in time, and is the own one of the directory', async () => {
  const clock = manualClock(Math.floor(Date.now() / 1000));
  const directory = await openDirectory({ clock });
  const elsewhere = await openDirectory({ clock });
  const alice = await register(directory, 'alice');
  const challenge = await fetchChallenge(directory);
  expect(await outcomeOf(ask(directory, alice, ID, { challenge: await fetchChallenge(elsewhere) }))).toBe(
    '403 DIRECTORY_REFUSED',
  );
  expect(await outcomeOf(ask(directory, alice, ID, { challenge: new Uint8Array(40) }))).toBe('403 DIRECTORY_REFUSED');
  expect(await outcomeOf(ask(directory, alice, ID, { challenge }))).toBe('200');
  expect(await outcomeOf(ask(directory, alice, ID, { challenge }))).toBe('403 DIRECTORY_REFUSED');
  const late = await fetchChallenge(directory);
  clock.advance(61);
  expect(await outcomeOf(ask(directory, alice, ID, { challenge: late }))).toBe('403 DIRECTORY_REFUSED');
});

test('a client id belongs to the device that it was first granted to, over restarts, until it lapses', async () => {
  const clock = manualClock(Math.floor(Date.now() / 1000));
  const store = lastingStore();
  const first = await openDirectory({ clock, store });
  const [alice, mallory] = [await register(first, 'alice'), await register(first, 'mallory')];
  expect(await outcomeOf(ask(first, alice, ID))).toBe('200');
  expect(await outcomeOf(ask(first, mallory, ID))).toBe('409 DIRECTORY_CONFLICT');
  await first.close();
  const second = await openDirectory({ clock, store });
  expect(await outcomeOf(ask(second, mallory, ID))).toBe('409 DIRECTORY_CONFLICT');
  expect(await outcomeOf(ask(second, alice, ID))).toBe('200');
  clock.advance(91 * 24 * 3600);
  expect(await outcomeOf(ask(second, mallory, ID))).toBe('200');
});

test('one address cannot fill the store with client ids', async () => {
  const directory = await openDirectory();
  const mallory = await register(directory, 'mallory');
  const outcomes = [];
  for (let i = 0; i < 25; i++) outcomes.push(await outcomeOf(ask(directory, mallory, `id-${i}`)));
  expect(outcomes.filter((outcome) => outcome === '200')).toHaveLength(20);
  expect(outcomes.at(-1)).toBe('429 DIRECTORY_RATE_LIMITED');
  expect(await outcomeOf(ask(directory, mallory, 'id-3'))).toBe('200');
});

test('the key of tokens outlives a restart and rolls over without a gap', async () => {
  const clock = manualClock(Math.floor(Date.now() / 1000));
  const store = lastingStore();
  const first = await openDirectory({ clock, store });
  const alice = await register(first, 'alice');
  const old = await tokenOf(first, alice);
  await first.close();
  const directory = await openDirectory({ clock, store });
  const kids = () => directory.admission?.jwks().keys.map(({ kid }) => kid) ?? [];
  expect(kids()).toEqual([decodeProtectedHeader(old).kid]);

  await directory.admission?.rotateTokenKey({ overlap: 300 });
  await expect(directory.admission?.rotateTokenKey()).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  expect(kids()).toHaveLength(2);
  expect(decodeProtectedHeader(await tokenOf(directory, alice)).kid).toBe(kids()[0]);
  clock.advance(300);
  const fresh = await tokenOf(directory, alice);
  expect(decodeProtectedHeader(fresh).kid).toBe(kids()[1]);
  const currentDate = new Date(clock.now());
  for (const token of [old, fresh]) await jwtVerify(token, keySetOf(directory), { currentDate });
  clock.advance(902);
  expect(kids()).toEqual([decodeProtectedHeader(fresh).kid]);
});

test('the claim acl says what an address has business with, in the words of EMQX', async () => {
  const directory = await openDirectory();
  const alice = await register(directory, 'alice');
  const { acl } = decodeJwt<{ acl: object[] }>(await tokenOf(directory, alice));
  expect(acl).toContainEqual({ permission: 'allow', action: 'subscribe', topic: 'nes/alice/#' });
  expect(acl).toContainEqual({ permission: 'allow', action: 'publish', topic: 'nes/+/message', retain: false });
  expect(acl).toContainEqual({ permission: 'allow', action: 'publish', topic: 'nes/+/state/+', retain: true });
  expect(acl.at(-1)).toEqual({ permission: 'deny', action: 'all', topic: '#' });
});
