import { afterEach, expect, test } from 'vitest';
import type { JoinOptions } from '../../src/client/room/room.js';
import { closing, createWorld } from '../client/world.js';
import { startProxy } from '../mqtt/proxy.js';
import { type Simulated, Simulation } from './simulation.js';

const roster = ['alice', 'bob', 'casey'];
let simulation: Simulation | undefined;

afterEach(() => {
  simulation?.end();
  simulation = undefined;
});

/** Alice, who expects the roster, and what she is told of it. */
async function expecting(): Promise<{ alice: Simulated; told: string[]; at: Simulation }> {
  simulation = new Simulation(1);
  const alice = await simulation.join('alice', { admit: roster, roster });
  const told: string[] = [];
  alice.session.events.on('assembled', ({ addresses }) => told.push(`assembled: ${addresses}`));
  alice.session.events.on('absent', ({ address }) => told.push(`absent: ${address}`));
  return { alice, told, at: simulation };
}

test('whoever of the roster is missing is known, and who stays away is reported once', async () => {
  const { alice, told, at } = await expecting();
  expect(alice.session.absent).toEqual(['bob', 'casey']);
  await at.join('bob', { admit: roster });
  await at.settle(10_000);
  expect(alice.session.absent).toEqual(['casey']);
  await at.time.pass(55_000);
  expect(told).toEqual([]);
  await at.time.pass(70_000);
  expect(told).toEqual(['absent: casey']);
});

test('when all are there it is told, and again when one has gone and come back', async () => {
  const { alice, told, at } = await expecting();
  const bob = await at.join('bob', { admit: roster });
  await at.join('casey', { admit: roster });
  await at.settle(10_000);
  await at.time.pass(500);
  expect(told).toEqual(['assembled: bob,casey']);
  await bob.leave();
  await at.time.pass(500);
  expect(alice.session.absent).toEqual(['bob']);
  await at.join('bob', { admit: roster });
  await at.settle(10_000);
  await at.time.pass(500);
  expect(told.slice(1)).toEqual(['absent: bob', 'assembled: bob,casey']);
});

test('a silent member is not absent; a member that crashed is, once it is gone', async () => {
  const { alice, told, at } = await expecting();
  const bob = await at.join('bob', { admit: roster });
  await at.join('casey', { admit: roster });
  await at.settle(10_000);
  bob.crash();
  await at.time.pass(30_000);
  expect(alice.session.absent).toEqual([]);
  await at.time.pass(40_000);
  expect(told.slice(1)).toEqual(['absent: bob']);
});

test('a room says who is not there in time, and admits the roster where nothing else is said', async () => {
  const world = await createWorld();
  const [alice, eve] = [await world.join('alice'), await world.join('eve')];
  const room = await alice.joinRoom('room-1', { roster });
  const refused = new Promise((resolve) => room.on('refused', resolve));
  const ofEve = await eve.joinRoom('room-1', { admit: ['alice', 'eve'] });
  closing(() => ofEve.leave());
  expect(await refused).toMatchObject({ address: 'eve', reason: 'not-admitted' });
  await expect(room.assembled({ timeout: 50 })).rejects.toMatchObject({
    code: 'TRANSPORT_TIMEOUT',
    message: expect.stringContaining('bob, casey'),
  });
  for (const timeout of ['1000', Number.NaN, -1]) {
    await expect(room.assembled({ timeout: timeout as number })).rejects.toMatchObject({
      code: 'USAGE_INVALID_ARGUMENT',
    });
  }
  const waits = [room.assembled(), room.assembled({ timeout: 100 * 24 * 3600_000 })];
  const waiting = waits.map((wait) => expect(wait).rejects.toMatchObject({ code: 'USAGE_CLOSED' }));
  // A timer that is asked for more than it can measure goes off at once.
  await new Promise((resolve) => setTimeout(resolve, 10));
  await room.leave();
  await Promise.all(waiting);
});

test('a room is left, and its loop ends, although the broker says nothing any more', async () => {
  const world = await createWorld();
  const proxy = await startProxy(Number(new URL(world.brokerUrl).port));
  closing(() => proxy.close());
  const alice = await world.join('alice', { broker: `mqtt://127.0.0.1:${proxy.port}` });
  const room = await alice.joinRoom('room-1', { roster });
  const frames = room.frames()[Symbol.asyncIterator]();
  const over = frames.next();
  proxy.mute(true);
  room.send(new Uint8Array(1), { qos: 1 }).catch(() => {});
  await room.leave();
  expect(await over).toMatchObject({ done: true });
  proxy.mute(false);
});

test('who may be in a room must be said, and said well', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  const cases: [unknown, string][] = [
    [{}, 'USAGE_INVALID_ARGUMENT'],
    [{ roster: [] }, 'USAGE_INVALID_ARGUMENT'],
    [{ admit: 'alice' }, 'USAGE_INVALID_ARGUMENT'],
    [{ admit: {} }, 'USAGE_INVALID_ARGUMENT'],
    [{ admit: null }, 'USAGE_INVALID_ARGUMENT'],
    [{ admit: ['Bob'] }, 'USAGE_INVALID_ADDRESS'],
    [{ admit: { creator: 'a/b' } }, 'USAGE_INVALID_ADDRESS'],
    [{ roster: ['#'] }, 'USAGE_INVALID_ADDRESS'],
    [{ admit: ['bob'], roster: ['casey'] }, 'USAGE_INVALID_ARGUMENT'],
  ];
  for (const [options, code] of cases) {
    await expect(alice.joinRoom('room-1', options as JoinOptions), JSON.stringify(options)).rejects.toMatchObject({
      code,
    });
  }
});
