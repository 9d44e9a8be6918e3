import { expect, test } from 'vitest';
import { DialCache, NonceCache } from '../../src/client/call/nonce-cache.js';
import { FRAME_MEMORY, timeOf } from '../../src/protocol/call/timeliness.js';
import { createWorld, next } from '../client/world.js';
import { MQTT, ringing } from './talking.js';
import { tamperer } from './tamperer.js';

const MOST = 1024;
const id = (n: number) => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
};

test('a frame is heard once, until it is too old to be heard at all; there is an end to how many', () => {
  const cache = new NonceCache();
  expect([1, 1, 2].map((n) => cache.hear(id(n), 1000))).toEqual(['new', 'replayed', 'new']);
  for (let n = 3; n <= MOST; n++) expect(cache.hear(id(n), 1000)).toBe('new');
  expect(cache.hear(id(MOST + 1), 1000 + FRAME_MEMORY)).toBe('too-many');
  expect(cache.hear(id(1), 1000 + FRAME_MEMORY)).toBe('replayed');
  expect(cache.hear(id(MOST + 1), 1001 + FRAME_MEMORY)).toBe('new');
});

test('a frame is remembered for as long as it is timely, however early it came', () => {
  const dial = { type: 'dial', issuedAt: 10_000 } as const;
  const timely = Array.from({ length: 400 }, (_, i) => 9_800 + i).filter((now) => timeOf(dial, now) === 'timely');
  const [earliest = 0, latest = 0] = [timely[0], timely.at(-1)];
  expect(latest - earliest).toBe(150);
  const cache = new NonceCache();
  expect([earliest, latest].map((now) => cache.hear(id(1), now))).toEqual(['new', 'replayed']);
});

test('one who dials without end leaves the others their room, as do many', () => {
  const cache = new DialCache();
  const stranger = (from: string, n: number, now = 1000) => cache.hear(from, 'strangers', id(n), now);
  for (let n = 0; n < MOST; n++) stranger('mallory', n);
  expect(stranger('mallory', MOST)).toBe('too-many');
  expect(stranger('alice', MOST)).toBe('new');
  for (let n = 2; n < MOST; n++) expect(stranger(`mallory-${n}`, 0)).toBe('new');
  // Nobody is forgotten for a newcomer, unless we know them.
  expect(stranger('bob', 0)).toBe('too-many');
  expect(stranger('alice', MOST)).toBe('replayed');
  expect(cache.hear('carol', 'contacts', id(0), 1000)).toBe('new');
  expect(stranger('bob', 0, 1001 + FRAME_MEMORY)).toBe('new');
});

test('who becomes a contact, or is none any more, is not heard twice', () => {
  const cache = new DialCache();
  expect(cache.hear('alice', 'strangers', id(1), 1000)).toBe('new');
  expect(cache.hear('alice', 'contacts', id(1), 1000)).toBe('replayed');
  expect(cache.hear('bob', 'contacts', id(1), 1000)).toBe('new');
  expect(cache.hear('bob', 'strangers', id(1), 1000)).toBe('replayed');
});

test('the frames of many calls leave their caller room for the next one', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { calls: MQTT });
  const mallory = await tamperer(world, 'mallory', bob);
  let heard = 0;
  bob.on('rejected', ({ reason }) => {
    expect(reason).toBe('unexpected');
    heard++;
  });
  // Of calls that bob does not know any more.
  const frame = { type: 'ice', ctr: 0, ct: new Uint8Array(40) } as const;
  for (let n = 0; n <= MOST; n++) await mallory.send({ ...frame, call: id(n) });
  const rings = ringing(bob);
  await mallory.dial();
  expect((await rings).from.address).toBe('mallory');
  expect(heard).toBe(MOST + 1);
});

test('a stranger takes no room in a call of others', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { calls: MQTT });
  const [mallory, alice] = [await tamperer(world, 'mallory', bob), await tamperer(world, 'alice', bob)];
  const rings = ringing(bob);
  const { call } = (await alice.dial()).state;
  const incoming = await rings;
  const all = next(bob, 'rejected', () => --left === 0);
  let left = MOST + 1;
  for (let n = 0; n <= MOST; n++) await mallory.send({ type: 'ice', call, ctr: n, ct: new Uint8Array(40) });
  expect((await all).reason).not.toBe('too-many');
  await alice.send({ type: 'close', call, reason: 'hangup' });
  expect(await incoming.ended).toEqual({ reason: 'hangup', by: 'them' });
});
