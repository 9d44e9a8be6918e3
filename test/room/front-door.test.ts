import { afterEach, expect, test } from 'vitest';
import type { RoomEvents } from '../../src/client/room/events.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { readRoomStatement } from '../../src/protocol/room/room-statement.js';
import { deviceOf, type Simulated, Simulation } from './simulation.js';

const provider = nativeProvider();
const admit = ['alice', 'bob', 'casey', 'dan'];
const STATEMENT = { kind: 'statement' } as const;
let simulation: Simulation;

afterEach(() => simulation.end());

/** A room of these, whom Alice, its creator, has invited; everybody has everybody's keys. */
async function createdByAlice(...names: string[]): Promise<{ [name: string]: Simulated }> {
  simulation = new Simulation(1);
  simulation.recording = true;
  const members: { [name: string]: Simulated } = {};
  for (const name of names) members[name] = await simulation.join(name, { admit: invited(name) });
  expect(await simulation.settle(10_000)).toBe(true);
  return members;
}

const invited = (name: string) => ({ creator: 'alice', invitation: simulation.invite('alice', name) });

function eventsOf<Name extends keyof RoomEvents>(one: Simulated | undefined, name: Name): RoomEvents[Name][] {
  const events: RoomEvents[Name][] = [];
  one?.session.events.on(name, (event) => events.push(event));
  return events;
}

/** A statement that only its signature gives away: what somebody has said, with another nonce each time. */
function forger(signed: Uint8Array): () => void {
  const { nonce } = readRoomStatement(signed).statement;
  const at = signed.findIndex((_, i) => nonce.every((byte, j) => signed[i + j] === byte));
  expect(at).toBeGreaterThan(0);
  return () => {
    const forged = signed.slice();
    forged.set(provider.randomBytes(16), at);
    simulation.inject({ place: STATEMENT, bytes: forged });
  };
}

const addresses = (one: Simulated | undefined) => one?.session.view().map(({ address }) => address);
const never = () => new Promise<never>(() => {});

test('whoever floods the room in the creator’s name does not keep out its word that puts him out', async () => {
  const { alice, bob, casey } = await createdByAlice('alice', 'bob', 'casey');
  const forge = forger(simulation.sign('alice', { kind: 'expel', subject: 'nobody' }));
  const refused = eventsOf(casey, 'refused');
  // Not by the key that is given out as well.
  simulation.loses = ({ kind }) => kind === 'message';
  for (let i = 0; i < 200; i++) forge();
  await simulation.time.pass(100);
  expect(refused.map(({ reason }) => reason)).toEqual(Array(200).fill('not-verified'));
  await alice?.session.expel('bob');
  for (let i = 0; i < 200; i++) forge();
  await simulation.time.pass(100);
  expect(addresses(casey)).toEqual(['alice']);
  expect(bob?.session.view().length).toBeGreaterThan(0);
});

test('an expulsion that was lost is told with the next key, though the creator sends nothing', async () => {
  const { alice, casey } = await createdByAlice('alice', 'bob', 'casey');
  simulation.loses = ({ kind }) => kind === 'statement';
  await alice?.session.expel('bob');
  await simulation.time.pass(3_000);
  expect(addresses(casey)).toEqual(['alice']);
});

test('an expulsion holds here at once, whether or not anybody can be told', async () => {
  const { alice } = await createdByAlice('alice', 'bob', 'casey');
  const kid = alice?.session.view().length;
  simulation.offline = true;
  await expect(alice?.session.expel('bob')).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
  expect(kid).toBe(2);
  expect(addresses(alice)).toEqual(['casey']);
});

test('the creator can put out more at once than it may announce itself', async () => {
  const { alice, casey } = await createdByAlice('alice', 'casey');
  simulation.loses = ({ kind }) => kind === 'message';
  const gone = Array.from({ length: 40 }, (_, i) => `guest${i}`);
  const invitations = new Map(gone.map((name) => [name, invited(name)]));
  for (const name of gone) await alice?.session.expel(name);
  await simulation.time.pass(100);
  const late = invitations.get('guest39');
  if (late) await simulation.join('guest39', { admit: late });
  await simulation.time.pass(1_000);
  expect(addresses(casey)).toEqual(['alice']);
});

test('forgeries in the name of a newcomer whose record is not known yet do not keep it out', async () => {
  const { alice } = await createdByAlice('alice', 'bob');
  const known = new Set(['alice', 'bob']);
  const learn = async (address: string) => {
    await new Promise((resolve) => setTimeout(resolve, 800));
    known.add(address);
  };
  simulation.lookup = (address) => (known.has(address) ? undefined : () => learn(address));
  const admission = invited('dan');
  const { invitation } = admission;
  const forge = forger(simulation.sign('dan', { kind: 'join', since: 1, record: new Uint8Array(0), invitation }));
  for (let i = 0; i < 300; i++) forge();
  await simulation.time.pass(1_000);
  simulation.loses = ({ kind }) => kind === 'message';
  const dan = await simulation.join('dan', { admit: admission });
  for (let i = 0; i < 300; i++) forge();
  await simulation.time.pass(500);
  expect(addresses(alice)).toEqual(['bob', 'dan']);
  expect(dan.warnings).toEqual([]);
});

test('an application that never answers about one keeps nobody else waiting, and its silence is a no', async () => {
  simulation = new Simulation(1);
  let asked = 0;
  const slow = ({ address }: { address: string }) => (address === 'bob' && asked++ === 0 ? never() : true);
  const alice = await simulation.join('alice', { admit: slow });
  const refused = eventsOf(alice, 'refused');
  const bob = await simulation.join('bob', { admit });
  const casey = await simulation.join('casey', { admit });
  await simulation.time.pass(5_000);
  expect(addresses(alice)).toEqual(['casey']);
  expect(alice.session.view()[0]?.ready).toBe(true);
  // Bob goes on announcing himself, and is asked about once.
  for (let i = 0; i < 10; i++) {
    const join = { kind: 'join', since: bob.since, record: new Uint8Array(0) };
    simulation.inject({ place: STATEMENT, bytes: simulation.sign('bob', join) });
  }
  await simulation.time.pass(5_000);
  expect({ asked, refused }).toEqual({ asked: 1, refused: [] });
  await simulation.time.pass(25_000);
  expect(refused).toMatchObject([{ address: 'bob', reason: 'admit-failed', cause: { code: 'TRANSPORT_TIMEOUT' } }]);
  expect(await simulation.settle(30_000)).toBe(true);
  expect([bob, casey].map((one) => one.session.view().length)).toEqual([2, 2]);
});

test('who is expelled while the application still thinks about it does not come in', async () => {
  simulation = new Simulation(1);
  let say = (_: boolean): void => {};
  const alice = await simulation.join('alice', {
    admit: () =>
      new Promise<boolean>((resolve) => {
        say = resolve;
      }),
  });
  await simulation.join('bob', { admit });
  await simulation.time.pass(500);
  await alice.session.expel('bob');
  say(true);
  await simulation.time.pass(500);
  expect(addresses(alice)).toEqual([]);
});

test('the application is asked about those only who have proven who they are', async () => {
  simulation = new Simulation(1);
  const asked: string[] = [];
  const alice = await simulation.join('alice', { admit: ({ address }) => asked.push(address) > 0 });
  const refused = eventsOf(alice, 'refused');
  const join = { kind: 'join', since: 1, record: new Uint8Array(0), device: deviceOf('bob') };
  simulation.inject({ place: STATEMENT, bytes: simulation.sign('casey', { ...join, address: 'dan' }) });
  await simulation.time.pass(500);
  expect({ asked, refused }).toMatchObject({ asked: [], refused: [{ address: 'dan', reason: 'not-verified' }] });
});

test('an application that throws is told, and the room goes on', async () => {
  simulation = new Simulation(1);
  const fault = new TypeError('the database is down');
  const throwing = ({ address }: { address: string }) => {
    if (address === 'bob') throw fault;
    return address === 'casey' ? Promise.reject(fault) : true;
  };
  const alice = await simulation.join('alice', { admit: throwing });
  const refused = eventsOf(alice, 'refused');
  for (const name of ['bob', 'casey', 'dan']) await simulation.join(name, { admit });
  await simulation.time.pass(1_000);
  for (const { reason, cause } of refused) expect({ reason, cause }).toEqual({ reason: 'admit-failed', cause: fault });
  expect(new Set(refused.map(({ address }) => address))).toEqual(new Set(['bob', 'casey']));
  expect(addresses(alice)).toEqual(['dan']);
});

test('a store that fails while somebody announces itself is a warning', async () => {
  simulation = new Simulation(1);
  const alice = await simulation.join('alice', { admit });
  const fault = new TypeError('ENOSPC');
  simulation.lookup = () => () => Promise.reject(fault);
  await simulation.join('bob', { admit });
  await simulation.time.pass(100);
  expect(alice.warnings).toEqual([fault]);
  simulation.lookup = undefined;
  expect(await simulation.settle(20_000)).toBe(true);
});

test('what waits for the directory is bounded in number and bytes, and holds up nobody who is known', async () => {
  simulation = new Simulation(1);
  let asking = 0;
  const alice = await simulation.join('alice', { admit: [...admit, 'eve', 'oscar'] });
  const refused = eventsOf(alice, 'refused');
  const ask = () => {
    asking++;
    return never();
  };
  simulation.lookup = (address) => (['eve', 'oscar'].includes(address) ? ask : undefined);
  const large = { kind: 'join', since: 1, record: new Uint8Array(120 * 1024) };
  for (let i = 0; i < 50; i++) {
    for (const name of ['eve', 'oscar']) simulation.inject({ place: STATEMENT, bytes: simulation.sign(name, large) });
    for (const place of [STATEMENT, { kind: 'message', device: alice.device } as const]) {
      simulation.inject({ place, bytes: new Uint8Array(1_900_000) });
    }
  }
  await simulation.time.pass(500);
  expect(refused.map(({ reason }) => reason)).toEqual(Array(100).fill('malformed'));
  expect(asking).toBe(2 * 4);
  await simulation.join('bob', { admit });
  await simulation.time.pass(1_000);
  expect(addresses(alice)).toEqual(['bob']);
});

test('a frame that waits for a new key does not go out under one that somebody has who left meanwhile', async () => {
  simulation = new Simulation(1);
  const members: Simulated[] = [];
  for (const name of admit) members.push(await simulation.join(name, { admit }));
  const [alice, bob, casey, dan] = members as [Simulated, Simulated, Simulated, Simulated];
  expect(await simulation.settle(10_000)).toBe(true);
  await simulation.time.pass(2_000);
  const rekeyed = eventsOf(alice, 'rekeyed');
  await bob.leave();
  await simulation.time.pass(100);
  // Dan cannot be sealed to for a while, so the frame waits; Casey has the new key at once, and leaves.
  simulation.sealing = (device) =>
    device === dan.device ? new Promise((resolve) => setTimeout(resolve, 900)) : undefined;
  const sent = simulation.send(alice, 'without both');
  await simulation.time.pass(300);
  const given = casey.session.members.get(alice.device)?.ring.held.at(-1)?.key.kid;
  expect(given).toBe(rekeyed[0]?.kid);
  await casey.leave();
  await Promise.all([sent, simulation.time.pass(5_000)]);
  expect(rekeyed.map(({ reason }) => reason)).toEqual(['departure', 'departure']);
  expect(dan.frames).toEqual(['alice without both']);
});
