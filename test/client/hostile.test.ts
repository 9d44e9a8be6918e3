import { expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { Rejection } from '../../src/client/rejection.js';
import { run } from '../../src/crypto/steps.js';
import { SealMQError } from '../../src/errors.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { activeSealKeys, createAccount } from '../../src/protocol/identity/index.js';
import { claims, liar, now, provider, publish } from './liar.js';
import { createWorld, next, take, until, type World } from './world.js';

/** What `bob` says of `bytes` on his topic, and that good mail still comes through behind it. */
async function verdict(world: World, alice: Messenger, bob: Messenger, bytes: Uint8Array): Promise<Rejection> {
  const rejected = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', bytes);
  await alice.send('bob', 'good mail');
  const found = await rejected;
  expect((await take(bob, 1))[0]?.text).toBe('good mail');
  return found;
}

test('garbage, other topics, other receivers, liars: each has its reason, none stops the next message', async () => {
  const world = await createWorld();
  const quarantine = { retryAfter: 20, future: 50 };
  const [alice, carol] = [await world.join('alice'), await world.join('carol')];
  const bob = await world.join('bob', { quarantine });
  const mallory = await liar(world, 'mallory');
  const forBob = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const by = (changes: object) => seal(provider, { ...claims('mallory', 'bob'), ...changes }, forBob);

  expect(await verdict(world, alice, bob, new Uint8Array(0))).toMatchObject({ reason: 'malformed' });
  expect(await verdict(world, alice, bob, new Uint8Array(100).fill(0xd8))).toMatchObject({ reason: 'malformed' });
  expect(await verdict(world, alice, bob, Uint8Array.of(0xd8, 0x60, 0x84, 0xff))).toMatchObject({
    reason: 'malformed',
  });
  expect(await verdict(world, alice, bob, new Uint8Array(1_600_000))).toMatchObject({
    reason: 'malformed',
    error: { code: 'DECODE_TOO_LARGE' },
  });

  const { bytes } = await world.overhear('nes/carol/message');
  await alice.send('carol', 'for Carol');
  await take(carol, 1);
  expect(await verdict(world, alice, bob, await bytes)).toMatchObject({ reason: 'not-for-me' });

  expect(await verdict(world, alice, bob, await by({ audience: 'carol' }))).toMatchObject({ reason: 'unverifiable' });
  expect(await verdict(world, alice, bob, await by({ family: 'will' }))).toMatchObject({ reason: 'unverifiable' });
  expect(await verdict(world, alice, bob, await by({ expiresAt: now() - 1 }))).toEqual({
    reason: 'expired',
    from: 'mallory',
  });
  expect(await verdict(world, alice, bob, await by({ issuedAt: now() + 3600 }))).toMatchObject({
    reason: 'from-the-future',
  });
  const { seq: _, ...unnumbered } = claims('mallory', 'bob');
  expect(await verdict(world, alice, bob, await seal(provider, unnumbered, forBob))).toMatchObject({
    reason: 'unnumbered',
  });
  const tampered = await by({});
  tampered[tampered.length - 200] = (tampered[tampered.length - 200] as number) ^ 1;
  expect((await verdict(world, alice, bob, tampered)).reason).toMatch(/malformed|unverifiable|not-for-me/);
});

test('somebody who signs in another name waits for a key that never comes, then is refused', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { quarantine: { retryAfter: 20, unknownKeys: 50 } });
  await world.join('alice');
  const mallory = await liar(world, 'mallory');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const asAlice = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', await seal(provider, claims('alice', 'bob'), keys));
  expect(await asAlice).toEqual({ reason: 'unknown-key', from: 'alice' });
  const asNobody = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', await seal(provider, claims('nobody', 'bob'), keys));
  expect(await asNobody).toEqual({ reason: 'unknown-sender', from: 'nobody' });
  expect(bob.status().quarantine).toBe(0);
});

test('all that a stranger sends is given up in time, not only the first', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { quarantine: { retryAfter: 20, unknownKeys: 50 } });
  const stranger = await run(createAccount(provider, { address: 'stranger', now: now() }));
  const keys = { signKey: stranger.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const [refused, warnings]: unknown[][] = [[], []];
  bob.on('rejected', (rejection) => refused?.push(rejection));
  bob.on('warning', (warning) => warnings?.push(warning));
  for (let seq = 1; seq <= 3; seq++) {
    await publish(world, 'nes/bob/message', await seal(provider, { ...claims('stranger', 'bob'), seq }, keys));
  }
  await until(() => refused?.length === 3 || undefined);
  expect(refused).toEqual(Array(3).fill({ reason: 'unknown-sender', from: 'stranger' }));
  expect(warnings).toEqual([]);
  expect(bob.status().quarantine).toBe(0);
});

test('while the directory is away mail waits, over a restart, and comes in order per sender when it is back', async () => {
  const world = await createWorld();
  const shared = await staticDirectory({ provider });
  let away = false;
  const flaky: KeyDirectory = {
    ...shared,
    lookup: (address, hash) => {
      if (away) throw new SealMQError('DIRECTORY_UNREACHABLE', 'away');
      return shared.lookup(address, hash);
    },
  };
  const store = { ...memoryStore(), close: async () => {} };
  const settings = { directory: flaky, store, quarantine: { retryAfter: 20 }, keyCache: { cooldown: 10 } };
  const bob = await world.join('bob', settings);
  const alice = await world.join('alice', { directory: shared });
  const carol = await world.join('carol', { directory: shared });
  away = true;
  for (let i = 0; i < 5; i++) {
    await alice.send('bob', `a${i}`);
    await carol.send('bob', `c${i}`);
  }
  await until(() => (bob.status().quarantine === 10 ? true : undefined));
  await bob.close();
  const restarted = await world.open('bob', settings);
  expect(restarted.status().quarantine).toBe(10);
  away = false;
  await alice.send('bob', 'a5');
  const texts = (await take(restarted, 11)).map(({ text }) => text);
  expect(texts.filter((text) => text.startsWith('a'))).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5']);
  expect(texts.filter((text) => text.startsWith('c'))).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
});

test('a full quarantine refuses more, and says so', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { limits: { quarantine: { entries: 3, bytes: 1 << 20 } } });
  const stranger = await run(createAccount(provider, { address: 'stranger', now: now() }));
  const keys = { signKey: stranger.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const full = next(bob, 'rejected');
  for (let seq = 1; seq <= 4; seq++) {
    await publish(world, 'nes/bob/message', await seal(provider, { ...claims('stranger', 'bob'), seq }, keys));
  }
  expect(await full).toEqual({ reason: 'quarantine-full', from: 'stranger' });
  expect(bob.status().quarantine).toBe(3);
});

test('gaps are told once, and filled silently', async () => {
  const world = await createWorld();
  const [bob, mallory] = [await world.join('bob'), await liar(world, 'mallory')];
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const missing: unknown[] = [];
  bob.on('missing', ({ from, range }) => missing.push([from, ...range]));
  for (const seq of [1, 4, 3, 2, 7]) {
    await publish(world, 'nes/bob/message', await seal(provider, { ...claims('mallory', 'bob'), seq }, keys));
  }
  expect((await take(bob, 5)).map(({ seq }) => seq)).toEqual([1, 4, 3, 2, 7]);
  expect(missing).toEqual([
    ['mallory', 2, 3],
    ['mallory', 5, 6],
  ]);
  const stale = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', await seal(provider, { ...claims('mallory', 'bob'), stream: 0 }, keys));
  expect(await stale).toEqual({ reason: 'stale-stream', from: 'mallory' });
});

test('a new identity under a known address is told', async () => {
  const world = await createWorld();
  const records = new Map<string, Uint8Array>();
  const directory = await staticDirectory({ provider, maxAge: 1 });
  const lying: KeyDirectory = {
    ...directory,
    lookup: async (address, hash) => {
      const other = records.get(address);
      return other ? { kind: 'record', record: other, maxAge: 1 } : directory.lookup(address, hash);
    },
  };
  const alice = await world.join('alice', { directory: lying, keyCache: { staleWhileRevalidate: 0, cooldown: 0 } });
  await world.join('bob', { directory });
  const impostor = await run(createAccount(provider, { address: 'bob', now: now() }));
  await alice.send('bob', 'to the real one');
  records.set('bob', impostor.record.bytes);
  const changed = next(alice, 'keyChanged');
  await until(async () => {
    await alice.send('bob', 'to whom?');
    return (await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 50))])) ? true : undefined;
  });
  expect(await changed).toMatchObject({ address: 'bob', vouched: false });
});

test('a stranger who names somebody else does not hold up their mail', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const mallory = await liar(world, 'mallory');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  await publish(world, 'nes/bob/message', await seal(provider, claims('alice', 'bob'), keys));
  await until(() => bob.status().quarantine === 1 || undefined);
  await alice.send('bob', 'the real one');
  expect((await take(bob, 1))[0]?.text).toBe('the real one');
  expect(bob.status().quarantine).toBe(1);
});
