import { afterEach, expect, test } from 'vitest';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import type { RoomEvents } from '../../src/client/room/events.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { frameMetadata } from '../../src/protocol/room/room-frame.js';
import { decodeRoomMessage, encodeRoomMessage } from '../../src/protocol/room/room-message.js';
import { signRoomStatement } from '../../src/protocol/room/room-statement.js';
import { generationOf, kidOf, MAX_GENERATION, senderKeyOf } from '../../src/protocol/room/sender-key.js';
import { sealFrame } from '../../src/protocol/room/sframe.js';
import { encodeSFrameHeader } from '../../src/protocol/room/sframe-header.js';
import { deviceOf, type Published, type Simulated, Simulation } from './simulation.js';
import { stall } from './storm.js';

const provider = nativeProvider();
const admit = ['alice', 'bob', 'casey'];
let simulation: Simulation;

let isOpen = false;

afterEach(() => {
  if (isOpen) simulation.end();
  isOpen = false;
});

/** A room with these members, who have each other's keys. */
async function roomOf(...names: string[]): Promise<Record<string, Simulated>> {
  simulation = new Simulation(1);
  isOpen = true;
  simulation.recording = true;
  const members: Record<string, Simulated> = {};
  for (const name of names) members[name] = await simulation.join(name, { admit });
  expect(await simulation.settle(10_000)).toBe(true);
  return members;
}

function eventsOf<Name extends keyof RoomEvents>(one: Simulated | undefined, name: Name): RoomEvents[Name][] {
  const events: RoomEvents[Name][] = [];
  one?.session.events.on(name, (event) => events.push(event));
  return events;
}

const lastOf = (kind: Published['place']['kind'], device?: string): Published =>
  simulation.published.findLast(
    ({ place }) => place.kind === kind && (device === undefined || ('device' in place && place.device === device)),
  ) as Published;

test('a frame that is played again is handed over once', async () => {
  const { alice, bob } = await roomOf('alice', 'bob');
  await simulation.send(alice as Simulated, 'once');
  await simulation.time.pass(100);
  for (let i = 0; i < 5; i++) simulation.inject(lastOf('frame'));
  await simulation.time.pass(100);
  expect(bob?.frames).toEqual(['alice once']);
  expect(bob?.undecryptable).toEqual([]);
});

test('a frame opens from its sender’s topic only, and not as a heartbeat', async () => {
  const { alice, bob, casey } = await roomOf('alice', 'bob', 'casey');
  await simulation.send(alice as Simulated, 'mine');
  await simulation.time.pass(100);
  const { bytes } = lastOf('frame', alice?.device);
  simulation.inject({ place: { kind: 'frame', device: casey?.device as string }, bytes });
  simulation.inject({ place: { kind: 'heartbeat', device: alice?.device as string }, bytes });
  await simulation.time.pass(100);
  expect(bob?.frames).toEqual(['alice mine']);
  expect(bob?.undecryptable).toEqual([{ device: casey?.device, address: 'casey', reason: 'not-authentic' }]);
});

test('heartbeats that are played again keep nobody alive', async () => {
  const { alice, bob } = await roomOf('alice', 'bob');
  const gone = eventsOf(bob, 'left');
  await simulation.time.pass(6_000);
  const heartbeat = lastOf('heartbeat', alice?.device);
  alice?.crash();
  const isGone = await simulation.time.passUntil(() => {
    if (simulation.random.chance(0.01)) simulation.inject(heartbeat);
    return gone.length > 0;
  }, 90_000);
  expect(isGone).toBe(true);
  expect(gone).toEqual([{ address: 'alice', device: alice?.device, reason: 'gone' }]);
});

test('who left reads nothing that is sent later, though every byte still reaches it', async () => {
  const { alice, bob, casey } = await roomOf('alice', 'bob', 'casey');
  const [left] = [bob as Simulated];
  await left.session.end();
  left.alive = false;
  await simulation.time.pass(500);
  const before = left.frames.length;
  await Promise.all([simulation.send(alice as Simulated, 'without'), simulation.time.pass(2_000)]);
  expect(casey?.frames).toContain('alice without');
  expect(left.frames.slice(before)).toEqual([]);
});

test('a stolen old key forges nothing once it was followed and its time is over', async () => {
  const { alice, bob, casey } = await roomOf('alice', 'bob', 'casey');
  const stolen = bob?.session.members.get(alice?.device as string)?.ring.held.at(-1)?.key;
  expect(stolen).toBeDefined();
  await casey?.leave();
  await simulation.time.pass(500);
  await Promise.all([simulation.send(alice as Simulated, 'new key'), simulation.time.pass(2_000)]);
  await simulation.time.pass(61_000);
  const key = atOnce(run(senderKeyOf(provider, stolen?.kid as number, stolen?.secret as Uint8Array)));
  const origin = { room: 'storm', kind: 'frame' as const, address: 'alice', device: alice?.device as string };
  const forged = atOnce(
    run(sealFrame(provider, key.frameKey, 999n, frameMetadata(origin), Uint8Array.of(0xf6, 1, 2, 3))),
  );
  simulation.inject({ place: origin, bytes: forged });
  await simulation.time.pass(100);
  expect(bob?.frames).toEqual(['alice new key']);
  expect(bob?.undecryptable).toEqual([{ device: alice?.device, address: 'alice', reason: 'old-key' }]);
});

test('announcements that are forged, changed, of another room or of another time are not answered', async () => {
  const { alice } = await roomOf('alice');
  const refused = eventsOf(alice, 'refused');
  const key = atOnce(provider.generateKey('Ed25519'));
  const now = Math.floor(Date.now() / 1000);
  const join = { kind: 'join', room: 'storm', address: 'bob', device: deviceOf('bob'), since: now * 1000 } as const;
  const sign = (change: object) =>
    atOnce(
      run(
        signRoomStatement(provider, key, {
          ...{ ...join, issuedAt: now, nonce: provider.randomBytes(16), record: new Uint8Array(0) },
          ...change,
        }),
      ),
    );
  const { message } = simulation.counts;
  for (const change of [
    {},
    { room: 'another' },
    { issuedAt: now - 301 },
    { issuedAt: now + 301 },
    { address: 'eve' },
  ]) {
    simulation.inject({ place: { kind: 'statement' }, bytes: sign(change) });
  }
  simulation.inject({ place: { kind: 'statement' }, bytes: Uint8Array.of(1, 2, 3) });
  await simulation.time.pass(500);
  expect(refused.map(({ reason }) => reason).sort()).toEqual(['malformed', 'not-admitted', 'not-verified']);
  expect(alice?.session.members.size).toBe(0);
  expect(simulation.counts.message).toBe(message);
});

test('a member that announces itself in a loop, or is played again, costs a bounded number of answers', async () => {
  const { alice, bob } = await roomOf('alice', 'bob', 'casey');
  const { message } = simulation.counts;
  const statement = lastOf('statement');
  for (let i = 0; i < 500; i++) simulation.inject(statement);
  await simulation.time.pass(1_000);
  expect(simulation.counts.message).toBe(message);
  const key = { place: lastOf('message', alice?.device).place };
  const asking = encodeRoomMessage({ room: 'storm', since: bob?.since as number, want: true });
  for (let i = 0; i < 500; i++) {
    const bytes = encodeCbor([alice?.device as string, 'bob', deviceOf('bob'), Math.floor(Date.now() / 1000), asking]);
    simulation.inject({ ...key, bytes });
  }
  await simulation.time.pass(1_000);
  // Alice's answers, and Bob's acknowledgements of them.
  expect(simulation.counts.message - message).toBeLessThanOrEqual(2 * 12);
});

test('a frame under a key that never was is asked about, and forgotten', async () => {
  const { alice, bob } = await roomOf('alice', 'bob', 'casey');
  const place = { kind: 'frame', device: alice?.device as string } as const;
  const header = encodeSFrameHeader({ kid: BigInt(kidOf(MAX_GENERATION, 7)), ctr: 1n });
  simulation.inject({ place, bytes: Uint8Array.of(...header, ...provider.randomBytes(40)) });
  const before = simulation.counts.message;
  await simulation.time.pass(30_000);
  const after = simulation.counts.message;
  expect(after).toBeGreaterThan(before);
  await simulation.time.pass(120_000);
  expect(simulation.counts.message).toBe(after);
  expect(bob?.undecryptable).toEqual([{ device: alice?.device, address: 'alice', reason: 'no-key' }]);
});

test('a flood from strangers costs bounded memory and announcements, and the room goes on', async () => {
  const { alice, bob } = await roomOf('alice', 'bob');
  const { statement } = simulation.counts;
  for (let i = 0; i < 3_000; i++) {
    const device = deviceOf(`stranger${i}`);
    for (const kind of ['frame', 'heartbeat'] as const) {
      simulation.inject({ place: { kind, device }, bytes: provider.randomBytes(40) });
    }
  }
  await simulation.time.pass(10_000);
  // Two members, one announcement in two seconds each.
  expect(simulation.counts.statement - statement).toBeLessThanOrEqual(2 * 6);
  await simulation.send(alice as Simulated, 'still here');
  await simulation.time.pass(100);
  expect(bob?.frames).toContain('alice still here');
});

test('a message of a member that has left does not bring it back', async () => {
  const { alice, bob } = await roomOf('alice', 'bob');
  const old = simulation.published.filter(
    ({ place, bytes }) =>
      place.kind === 'message' && place.device === alice?.device && (decodeCbor(bytes) as unknown[])[1] === 'bob',
  );
  expect(old.some(({ bytes }) => decodeRoomMessage((decodeCbor(bytes) as Uint8Array[])[4] as Uint8Array).key)).toBe(
    true,
  );
  await bob?.leave();
  await simulation.time.pass(500);
  for (const one of old) simulation.inject(one);
  await simulation.time.pass(500);
  expect(alice?.session.members.size).toBe(0);
});

test('a broker that stands still for ten seconds makes nobody gone and no key new: 100 members', async () => {
  expect(await stall(100)).toEqual([]);
}, 120_000);

test('even two minutes of silence of the broker are not taken for everybody’s absence', async () => {
  const { alice, bob } = await roomOf('alice', 'bob', 'casey');
  const left = [eventsOf(alice, 'left'), eventsOf(bob, 'left')];
  await simulation.time.pass(5_000);
  simulation.stalled = true;
  await simulation.time.pass(120_000);
  simulation.stalled = false;
  await simulation.time.pass(20_000);
  expect(left).toEqual([[], []]);
  expect(simulation.converged()).toBe(true);
});

test('frames that name ever other keys of a member make nobody ask it again and again', async () => {
  const { alice, bob } = await roomOf('alice', 'bob', 'casey');
  const place = { kind: 'frame', device: alice?.device as string } as const;
  const before = simulation.counts.message;
  for (let i = 0; i < 240; i++) {
    const header = encodeSFrameHeader({ kid: BigInt(kidOf(1_000 + i, 0)), ctr: 1n });
    simulation.inject({ place, bytes: Uint8Array.of(...header, ...provider.randomBytes(40)) });
    await simulation.time.pass(250);
  }
  // Two members in a minute: after 1, 2, 4, 8 and 16 seconds, and then each 16; each time with Alice's answer and an acknowledgement.
  expect(simulation.counts.message - before).toBeLessThanOrEqual(2 * 8 * 3);
  await simulation.send(alice as Simulated, 'still here');
  await simulation.time.pass(1_000);
  expect(bob?.frames).toEqual(['alice still here']);
});

test('a device that was revoked is out: nobody takes its frames, and it reads none that are sent later', async () => {
  const { alice, bob, casey } = await roomOf('alice', 'bob', 'casey');
  const left = eventsOf(alice, 'left');
  simulation.revoked.add(bob?.device as string);
  for (const tell of simulation.onRecord) tell('bob');
  expect(left).toEqual([{ address: 'bob', device: bob?.device, reason: 'revoked' }]);
  await Promise.all([simulation.send(alice as Simulated, 'without him'), simulation.time.pass(3_000)]);
  await Promise.all([simulation.send(bob as Simulated, 'let me in'), simulation.time.pass(12_000)]);
  expect(casey?.frames).toEqual(['alice without him']);
  expect(bob?.frames).toEqual([]);
  expect(casey?.undecryptable).toEqual([{ device: bob?.device, reason: 'unknown-member' }]);
  expect(alice?.session.view().map(({ address }) => address)).toEqual(['casey']);
});

test('a revocation that nobody told of is noticed when the member’s turn comes', async () => {
  const { alice, bob } = await roomOf('alice', 'bob', 'casey');
  simulation.revoked.add(bob?.device as string);
  await simulation.time.pass(8_000);
  expect(alice?.session.view().map(({ address }) => address)).toEqual(['casey']);
});

test('a member that falls silent is told, once, and is here again when it is heard', async () => {
  const { alice, bob } = await roomOf('alice', 'bob', 'casey');
  const [silent, left, rekeyed] = [eventsOf(alice, 'silent'), eventsOf(alice, 'left'), eventsOf(alice, 'rekeyed')];
  const isSilent = () => alice?.session.view().map((member) => `${member.address} ${member.silent}`);
  simulation.loses = (place) => place.kind === 'heartbeat' && place.device === bob?.device;
  await simulation.time.pass(18_000);
  expect(silent).toEqual([]);
  await simulation.time.pass(20_000);
  expect(silent).toEqual([{ address: 'bob', device: bob?.device }]);
  expect(isSilent()).toEqual(['bob true', 'casey false']);
  simulation.loses = undefined;
  await simulation.time.pass(6_000);
  expect(isSilent()).toEqual(['bob false', 'casey false']);
  expect([left, rekeyed]).toEqual([[], []]);
});

test.each([
  ['20 messages', { maxFrames: 20 }, 5_000],
  ['a minute', { maxAge: 60_000 }, 62_000],
])(
  'a key that may be used for %s, and was, is followed by a random one, which everybody has',
  async (_, bounds, time) => {
    simulation = new Simulation(1);
    isOpen = true;
    simulation.recording = true;
    const alice = await simulation.join('alice', { admit, bounds });
    const bob = await simulation.join('bob', { admit });
    expect(await simulation.settle(10_000)).toBe(true);
    await simulation.time.pass(3_000);
    const rekeyed = eventsOf(alice, 'rekeyed');
    const before = bob.session.members.get(alice.device)?.ring.held.at(-1)?.key;
    for (let i = 0; i < 19; i++) await simulation.send(alice, `${i}`);
    await simulation.time.pass(time);
    await simulation.send(alice, 'after');
    await simulation.time.pass(1_000);
    expect(rekeyed).toEqual([{ kid: kidOf(generationOf(before?.kid as number) + 1, 0), reason: 'worn' }]);
    expect(bob.frames).toEqual([...Array.from({ length: 19 }, (_, i) => `alice ${i}`), 'alice after']);
    const after = bob.session.members.get(alice.device)?.ring.held.at(-1)?.key;
    expect(after?.kid).toBe(rekeyed[0]?.kid);
    expect(after?.secret).not.toEqual(before?.secret);
  },
);

test('what is larger than any frame is dropped at once, whoever it is said to be from', async () => {
  const { alice, bob } = await roomOf('alice', 'bob');
  const devices = [alice?.device as string, deviceOf('nobody')];
  for (const device of devices) simulation.inject({ place: { kind: 'frame', device }, bytes: new Uint8Array(1 << 20) });
  await simulation.time.pass(100);
  expect(bob?.undecryptable.map(({ device, reason }) => ({ device, reason }))).toEqual(
    devices.map((device) => ({ device, reason: 'malformed' })),
  );
});
