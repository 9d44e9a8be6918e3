import { expect, test, vi } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import type { RoomFrame } from '../../src/client/room/events.js';
import type { Member } from '../../src/client/room/members.js';
import type { Room } from '../../src/client/room/room.js';
import { RoomSession } from '../../src/client/room/session.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { readRoomStatement } from '../../src/protocol/room/room-statement.js';
import { ratchetSenderKey } from '../../src/protocol/room/sender-key.js';
import { openFrame } from '../../src/protocol/room/sframe.js';
import { closing, createWorld, until, type World } from '../client/world.js';
import { drawnBefore } from '../fixtures/drawn-before.js';

const provider = nativeProvider();
const admit = ['alice', 'bob', 'casey'];
const timing = { heartbeat: 200, silentAfter: 2_000, goneAfter: 6_000 };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (body: string) => new TextEncoder().encode(body);

/** What arrives in a room, as `from: body`. */
function collect(room: Room): string[] {
  const taken: string[] = [];
  void (async () => {
    for await (const frame of room.frames()) taken.push(`${frame.from}: ${text(frame.bytes)}`);
  })();
  return taken;
}

/** Waits until a room knows these members and all have each other's keys. */
async function complete(room: Room, ...names: string[]): Promise<void> {
  await until(() => {
    const ready = room.members.filter((member) => member.ready).map(({ address }) => address);
    return ready.sort().join() === [...names].sort().join() || undefined;
  });
}

/** Everything that anybody publishes in the room. */
async function observe(world: World): Promise<{ topic: string; payload: Uint8Array }[]> {
  const client = await world.client();
  const seen: { topic: string; payload: Uint8Array }[] = [];
  client.on('message', (topic, payload) => seen.push({ topic, payload: new Uint8Array(payload) }));
  await client.subscribeAsync('nes/room/#');
  return seen;
}

/** The arrows of the diagram for a newcomer, in their order: it announces itself, the others seal to it, and it to each of them. */
function expectArrows(
  seen: readonly { readonly topic: string; readonly payload: Uint8Array }[],
  newcomer: Messenger,
  others: readonly Messenger[],
): void {
  const control = 'nes/room/room-1/control';
  const announced = seen.findIndex(({ topic, payload }) => {
    if (topic !== control) return false;
    const { statement } = readRoomStatement(payload);
    return statement.kind === 'join' && statement.address === newcomer.address;
  });
  expect(announced).toBeGreaterThanOrEqual(0);
  const to = ({ deviceId }: Messenger, from = 0) =>
    seen.flatMap(({ topic }, i) => (i >= from && topic === `${control}/${deviceId}` ? [i] : []));
  expect(to(newcomer).filter((i) => i < announced)).toEqual([]);
  expect(to(newcomer).length).toBeGreaterThanOrEqual(others.length);
  for (const other of others) {
    const [answered = -1] = to(other, announced);
    expect(answered).toBeGreaterThan(to(newcomer)[0] as number);
  }
}

/** Whether a frame opens under a key that `reader` holds of `sender`, or one that those are ratcheted to. */
function opensFor(reader: RoomSession, sender: Messenger, frame: Uint8Array): boolean {
  const { ring, metadata } = reader.members.get(sender.deviceId) as Member;
  return ring.held.some(({ key }) =>
    Array.from({ length: 32 }, (_, steps) => steps).some((steps) => {
      const { frameKey } = atOnce(run(ratchetSenderKey(provider, key, steps)));
      return atOnce(run(openFrame(provider, frameKey, metadata.frame, frame))) !== null;
    }),
  );
}

test('the diagram: Alice, Bob and Casey join one after the other, and each has everyone’s key', async () => {
  const world = await createWorld();
  const seen = await observe(world);
  const [alice, bob, casey] = await Promise.all([
    world.join('alice'),
    world.join('bob', { suite: 'RSA3072-PS256', provider: drawnBefore() }),
    world.join('casey', { suite: 'P256-ESP256' }),
  ]);
  const rooms: Record<string, Room> = {};
  const heard: Record<string, string[]> = {};
  for (const [name, who] of Object.entries({ alice, bob, casey })) {
    const room = await who.joinRoom('room-1', { admit, timing });
    closing(() => room.leave());
    heard[name] = collect(room);
    for (const other of Object.values(rooms)) await other.send(bytes(`before ${name}`));
    rooms[name] = room;
    const names = Object.keys(rooms);
    for (const [each, joined] of Object.entries(rooms)) await complete(joined, ...names.filter((n) => n !== each));
  }
  for (const [name, room] of Object.entries(rooms)) await room.send(bytes(`secret of ${name}`), { channel: 'talk' });
  for (const [name, taken] of Object.entries(heard)) {
    const others = admit.filter((other) => other !== name).map((other) => `${other}: secret of ${other}`);
    await until(() => others.every((line) => taken.includes(line)) || undefined);
  }
  for (const [i, who] of [alice, bob, casey].entries()) expectArrows(seen, who, [alice, bob, casey].slice(0, i));
  for (const device of [alice, bob, casey].map((one) => one.deviceId)) {
    for (const level of ['control', 'heartbeat', 'frame']) {
      expect(seen.map(({ topic }) => topic)).toContain(`nes/room/room-1/${level}/${device}`);
    }
  }
  for (const { payload } of seen) expect(text(payload)).not.toMatch(/secret|before|talk/);
});

test('Casey cannot read what was sent before her join, nor Bob what is sent after his leave', async () => {
  const begin = vi.spyOn(RoomSession, 'begin');
  closing(async () => begin.mockRestore());
  const world = await createWorld();
  const [alice, bob, casey] = [await world.join('alice'), await world.join('bob'), await world.join('casey')];
  const ofAlice = await alice.joinRoom('room-1', { admit, timing });
  const ofBob = await bob.joinRoom('room-1', { admit, timing });
  await complete(ofAlice, 'bob');
  await complete(ofBob, 'alice');
  const heardByBob = collect(ofBob);
  const seen = await observe(world);
  await ofAlice.send(bytes('early'));
  await until(() => heardByBob.includes('alice: early') || undefined);

  const ofCasey = await casey.joinRoom('room-1', { admit, timing });
  const heardByCasey = collect(ofCasey);
  await complete(ofCasey, 'alice', 'bob');
  await complete(ofAlice, 'bob', 'casey');
  // The broker plays the past to her, and she holds Alice's key of now.
  const early = seen.find(({ topic }) => topic === `nes/room/room-1/frame/${alice.deviceId}`);
  const player = await world.client();
  await player.publishAsync(early?.topic as string, Buffer.from(early?.payload as Uint8Array));
  await ofAlice.send(bytes('to both'));
  await until(() => heardByCasey.includes('alice: to both') || undefined);
  expect(heardByCasey).toEqual(['alice: to both']);

  // Bob leaves, and goes on listening with all the keys that he has.
  const keysOfBob = (await begin.mock.results[1]?.value) as RoomSession;
  const framesOfAlice = () => seen.filter(({ topic }) => topic === `nes/room/room-1/frame/${alice.deviceId}`);
  expect(framesOfAlice().map(({ payload }) => opensFor(keysOfBob, alice, payload))).not.toContain(false);
  const before = framesOfAlice().length;
  const left = new Promise((resolve) => ofAlice.on('left', resolve));
  const rekeyed = new Promise((resolve) => ofAlice.on('rekeyed', resolve));
  await ofBob.leave();
  expect(await left).toMatchObject({ address: 'bob', reason: 'left' });
  await ofAlice.send(bytes('without Bob'));
  expect(await rekeyed).toMatchObject({ reason: 'departure' });
  await until(() => heardByCasey.includes('alice: without Bob') || undefined);
  const after = framesOfAlice().slice(before);
  expect(after.map(({ payload }) => opensFor(keysOfBob, alice, payload))).toEqual([false]);
  const keysOfCasey = (await begin.mock.results[2]?.value) as RoomSession;
  expect(after.map(({ payload }) => opensFor(keysOfCasey, alice, payload))).toEqual([true]);
  await Promise.all([ofAlice.leave(), ofCasey.leave()]);
});

test('an announcement by somebody who is not admitted gets no key, and is told', async () => {
  const world = await createWorld();
  const [alice, eve] = [await world.join('alice'), await world.join('eve')];
  const ofAlice = await alice.joinRoom('room-1', { admit, timing });
  closing(() => ofAlice.leave());
  const refused = new Promise((resolve) => ofAlice.on('refused', resolve));
  const seen = await observe(world);
  const ofEve = await eve.joinRoom('room-1', { admit: () => true, timing });
  closing(() => ofEve.leave());
  expect(await refused).toMatchObject({ address: 'eve', reason: 'not-admitted' });
  expect(ofAlice.members).toEqual([]);
  expect(seen.filter(({ topic }) => topic.endsWith(`/control/${eve.deviceId}`))).toEqual([]);
});

test('the creator invites, and expels', async () => {
  const world = await createWorld();
  const [alice, bob, casey] = [await world.join('alice'), await world.join('bob'), await world.join('casey')];
  const ofAlice = await alice.joinRoom('room-1', { admit: { creator: 'alice' }, timing });
  closing(() => ofAlice.leave());
  const join = async (who: typeof bob) =>
    who.joinRoom('room-1', { admit: { creator: 'alice', invitation: await ofAlice.invite(who.address) }, timing });
  const [ofBob, ofCasey] = [await join(bob), await join(casey)];
  closing(() => Promise.all([ofBob.leave(), ofCasey.leave()]));
  await complete(ofBob, 'alice', 'casey');
  await complete(ofCasey, 'alice', 'bob');
  const out = Promise.all([ofBob, ofCasey].map((room) => new Promise((resolve) => room.on('left', resolve))));
  const taken: string[] = [];
  const read = (async () => {
    for await (const frame of ofBob.frames()) taken.push(text(frame.bytes));
  })();
  await ofAlice.send(bytes('before'));
  await until(() => taken.length === 1 || undefined);
  await ofAlice.expel('bob');
  expect(await out).toMatchObject([
    { address: 'bob', reason: 'expelled' },
    { address: 'bob', reason: 'expelled' },
  ]);
  expect(ofCasey.members.map(({ address }) => address)).toEqual(['alice']);
  await ofAlice.send(bytes('after'));
  await read;
  expect(taken).toEqual(['before']);
  const closed = { code: 'USAGE_CLOSED' };
  await expect(ofBob.send(bytes('still here?'))).rejects.toMatchObject(closed);
  await expect(ofBob.assembled()).rejects.toMatchObject(closed);
  expect(await ofBob.frames().next()).toEqual({ done: true, value: undefined });
  await ofBob.leave();
});

test('who comes after an expulsion hears of it from the others, not from the expelled; a later invitation outweighs it', async () => {
  const world = await createWorld();
  const [alice, bob, casey, dan] = await Promise.all(['alice', 'bob', 'casey', 'dan'].map((name) => world.join(name)));
  if (!alice || !bob || !casey || !dan) throw new TypeError('nobody there');
  const ofAlice = await alice.joinRoom('room-1', { admit: { creator: 'alice' }, timing });
  const invitations = new Map<string, Uint8Array>();
  for (const name of ['bob', 'casey', 'dan']) invitations.set(name, await ofAlice.invite(name));
  const join = async (who: typeof bob, invitation = invitations.get(who.address) as Uint8Array) => {
    const room = await who.joinRoom('room-1', { admit: { creator: 'alice', invitation }, timing });
    closing(() => room.leave());
    return room;
  };
  const [first, ofCasey] = [await join(bob), await join(casey)];
  await complete(ofCasey, 'alice', 'bob');
  const out = new Promise((resolve) => first.on('left', ({ reason }) => reason === 'expelled' && resolve(undefined)));
  await ofAlice.expel('bob');
  await out;
  await first.leave();
  await until(() => ofCasey.members.length === 1 || undefined);
  // Only Casey is left to tell of it, and Bob's invitation has not expired.
  await ofAlice.leave();
  const again = await join(bob);
  const ofDan = await join(dan);
  await until(
    () => (ofDan.members.map(({ address }) => address).join() === 'casey' && ofDan.members[0]?.ready) || undefined,
  );
  await ofDan.send(Uint8Array.of(1), { qos: 1 });
  expect(ofCasey.members.map(({ address }) => address)).toEqual(['dan']);
  await again.leave();

  const back = await alice.joinRoom('room-1', { admit: { creator: 'alice' }, timing });
  closing(() => back.leave());
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const ofBob = await join(bob, await back.invite('bob'));
  await complete(ofBob, 'alice', 'casey', 'dan');
  await complete(ofDan, 'alice', 'bob', 'casey');
});

test('frames of 20 bytes and of 256 KiB go through alike, with their channels', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const ofAlice = await alice.joinRoom('room-1', { admit, timing });
  const ofBob = await bob.joinRoom('room-1', { admit, timing });
  closing(() => Promise.all([ofAlice.leave(), ofBob.leave()]));
  await complete(ofAlice, 'bob');
  const taken: RoomFrame[] = [];
  void (async () => {
    for await (const frame of ofBob.frames()) taken.push(frame);
  })();
  const large = new Uint8Array(256 * 1024).map((_, i) => i % 251);
  await ofAlice.send(new Uint8Array(20), { channel: 'telemetry/temperature', qos: 1 });
  await ofAlice.send(large, { qos: 1 });
  await expect(ofAlice.send(new Uint8Array(256 * 1024 + 1))).rejects.toMatchObject({ code: 'USAGE_PAYLOAD_TOO_LARGE' });
  await until(() => taken.length === 2 || undefined);
  expect(taken[0]).toMatchObject({ from: 'alice', channel: 'telemetry/temperature', bytes: new Uint8Array(20) });
  expect(taken[1]?.bytes).toEqual(large);
});
