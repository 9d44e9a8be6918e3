import { afterEach, expect, test } from 'vitest';
import type { RoomFrame } from '../../src/client/room/events.js';
import { createFrameQueue } from '../../src/client/room/frame-queue.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { webcryptoProvider } from '../../src/crypto/webcrypto.js';
import { decodeFrames, encodeFrames, MAX_BATCH_BYTES, MAX_BATCH_FRAMES } from '../../src/protocol/room/frame-batch.js';
import { splitSignature } from '../../src/protocol/room/frame-signature.js';
import { frameMetadata, MAX_FRAME_BYTES } from '../../src/protocol/room/room-frame.js';
import type { SenderKey } from '../../src/protocol/room/sender-key.js';
import { openFrame, sealFrame } from '../../src/protocol/room/sframe.js';
import { closing, createWorld, until } from '../client/world.js';
import { type Published, type Simulated, Simulation } from './simulation.js';

const provider = nativeProvider();
const admit = ['alice', 'bob', 'casey', 'dan'];
let simulation: Simulation;

afterEach(() => simulation?.end());

const bytesOf = (body: string) => new TextEncoder().encode(body);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

interface Scene {
  readonly alice: Simulated;
  readonly bob: Simulated;
  readonly casey: Simulated;
  /** What Bob was given. */
  readonly taken: RoomFrame[];
}

/** Alice, Bob and Casey, who have each other's keys. */
async function gather(signatures = false, onFrame?: (frame: RoomFrame) => void): Promise<Scene> {
  simulation = new Simulation(1);
  simulation.recording = true;
  const taken: RoomFrame[] = [];
  const alice = await simulation.join('alice', { admit, signatures });
  const bob = await simulation.join('bob', { admit, signatures, onFrame: onFrame ?? ((frame) => taken.push(frame)) });
  const casey = await simulation.join('casey', { admit, signatures });
  expect(await simulation.settle(10_000)).toBe(true);
  await simulation.time.pass(3_000);
  simulation.published.length = 0;
  return { alice, bob, casey, taken };
}

const send = ({ session }: Simulated, body: string, options = {}) => session.send(bytesOf(body), options);

/** What went over the network under this key, message by message. */
function sent(from: Simulated, { frameKey } = keyOf(from, simulation.all[1] as Simulated)): string[][] {
  const metadata = frameMetadata({ room: 'storm', kind: 'frame', address: from.name, device: from.device });
  return simulation.published
    .filter(({ place }) => place.kind === 'frame')
    .map(({ bytes }) => atOnce(run(openFrame(provider, frameKey, metadata, bytes))))
    .filter((plaintext) => plaintext !== null)
    .map((plaintext) => decodeFrames(splitSignature(plaintext).content).map(({ payload }) => textOf(payload)));
}

const framesOut = () => simulation.published.filter(({ place }) => place.kind === 'frame').length;

const keyOf = (of: Simulated, held: Simulated): SenderKey =>
  held.session.members.get(of.device)?.ring.held.at(-1)?.key as SenderKey;

const bodies = (taken: readonly RoomFrame[]) => taken.map(({ bytes }) => textOf(bytes));

/** What a member that holds Alice's key makes under it. */
function forge({ alice, bob }: Scene, ctr: number, ...plaintext: readonly Uint8Array[]): void {
  const metadata = frameMetadata({ room: 'storm', kind: 'frame', address: 'alice', device: alice.device });
  const bytes = atOnce(run(sealFrame(provider, keyOf(alice, bob).frameKey, BigInt(ctr), metadata, plaintext)));
  simulation.inject({ place: { kind: 'frame', device: alice.device }, bytes });
}

test('frames of one turn travel together, those of another by themselves; each is handed over as it was sent', async () => {
  const { alice, taken } = await gather();
  const payload = bytesOf('one');
  const first = alice.session.send(payload, { channel: 'a' });
  payload.fill(0);
  await Promise.all([first, send(alice, ''), send(alice, 'three', { channel: 'é'.repeat(256) })]);
  await send(alice, 'alone');
  await simulation.time.pass(100);
  expect(sent(alice)).toEqual([['one', '', 'three'], ['alone']]);
  const from = { from: 'alice', device: alice.device };
  expect(taken).toEqual([
    { ...from, channel: 'a', bytes: bytesOf('one') },
    { ...from, bytes: new Uint8Array(0) },
    { ...from, channel: 'é'.repeat(256), bytes: bytesOf('three') },
    { ...from, bytes: bytesOf('alone') },
  ]);
});

test('a frame of another quality of service, or too large for company, parts what is before it from what is behind', async () => {
  const { alice, taken } = await gather();
  const large = 'x'.repeat(20_000);
  const lines = ['a', 'b', 'c', 'd', large, 'e', 'f'];
  await Promise.all(lines.map((body) => send(alice, body, { qos: body === 'c' ? 1 : 0 })));
  await simulation.time.pass(100);
  const expected = [['a', 'b'], ['c'], ['d'], [large], ['e', 'f']];
  expect(sent(alice)).toEqual(expected);
  expect(bodies(taken)).toEqual(lines);
});

test('no batch is larger than its bounds, whatever the sizes', async () => {
  const { alice, taken } = await gather();
  const sizes = [16_380, 16_379, 16_378, 1, 0, 16_000, 400, 8_189, 8_189, 8_190, 8_190, 255, 256, 23, 24];
  const lines = [...sizes.map((size) => '.'.repeat(size)), ...Array.from({ length: 600 }, (_, i) => `${i}`)];
  await Promise.all(lines.map((body) => send(alice, body)));
  await simulation.time.pass(100);
  expect(bodies(taken)).toEqual(lines);
  const batches = sent(alice);
  expect(batches.length).toBeLessThan(15);
  expect(Math.max(...batches.map((batch) => batch.length))).toBe(MAX_BATCH_FRAMES);
  for (const { bytes, place } of simulation.published) {
    if (place.kind === 'frame') expect(bytes.length).toBeLessThanOrEqual(16 * 1024 + 40);
  }
});

test('a frame that is refused takes nobody with it', async () => {
  const { alice, taken } = await gather();
  const good = [send(alice, 'one')];
  const bad = () => [
    () => send(alice, 'bad', { channel: '' }),
    () => alice.session.send(new Uint8Array(MAX_FRAME_BYTES + 1), {}),
  ];
  for (const attempt of bad()) expect(attempt).toThrow(/channel|at most/);
  good.push(send(alice, 'two'));
  await Promise.all(good);
  await simulation.time.pass(100);
  expect(bodies(taken)).toEqual(['one', 'two']);
});

test('the order is that of the calls while a departure makes a new key due, and nothing goes out under the old one', async () => {
  const { alice, bob, casey, taken } = await gather();
  const before = keyOf(alice, bob).kid;
  await casey.leave();
  await simulation.time.pass(100);
  const lines = Array.from({ length: 40 }, (_, i) => `${i}`);
  // One a turn: those that come while the key is being made go with the first.
  const all: Promise<void>[] = [];
  for (const line of lines) {
    all.push(line === '20' ? alice.session.send(new Uint8Array(20_000).fill(65), {}) : send(alice, line));
    await Promise.resolve();
    if (line === '30') await simulation.time.pass(5);
  }
  await Promise.all([...all, simulation.time.pass(3_000)]);
  expect(bodies(taken).map((body) => (body.length > 5 ? '20' : body))).toEqual(lines);
  const batches = sent(alice);
  expect(batches[0]?.length).toBeGreaterThan(1);
  expect(batches).toHaveLength(framesOut());
  expect(keyOf(alice, bob).kid).toBeGreaterThan(before);
  expect(casey.frames).toEqual([]);
});

test('what is sent behind a departure does not go with what waits for the key of an earlier one', async () => {
  const { alice, bob, casey, taken } = await gather();
  const dan = await simulation.join('dan', { admit });
  expect(await simulation.settle(10_000)).toBe(true);
  await send(alice, 'to all');
  await simulation.time.pass(3_000);
  await casey.leave();
  await simulation.time.pass(100);
  // Dan's farewell comes while the key is handed out, to him as well.
  simulation.discarding = true;
  await dan.leave();
  simulation.discarding = false;
  const farewell = simulation.published.at(-1) as Published;
  const kids: number[] = [];
  alice.session.events.on('rekeyed', ({ kid }) => {
    if (kids.push(kid) === 1) alice.session.take(farewell.place, farewell.bytes);
  });
  let second: Promise<void> | undefined;
  alice.session.events.on('left', () => {
    second = send(alice, 'behind the second');
  });
  const first = send(alice, 'behind the first');
  await Promise.all([first, simulation.time.pass(5_000)]);
  await second;
  await simulation.time.pass(1_000);
  expect(bodies(taken)).toEqual(['to all', 'behind the first', 'behind the second']);
  expect(kids).toHaveLength(2);
  expect(keyOf(alice, bob).kid).toBe(kids[1]);
  // Not under the first new key either: Dan has that.
  expect(sent(alice)).toEqual([['behind the first'], ['behind the second']]);
});

test('a backend that answers with promises encrypts one message at a time, and what comes meanwhile goes together', async () => {
  const world = await createWorld();
  const provider = webcryptoProvider();
  const [alice, bob] = [await world.join('alice', { provider }), await world.join('bob')];
  const options = { roster: ['alice', 'bob'] };
  const [room, reader] = await Promise.all([alice.joinRoom('room', options), bob.joinRoom('room', options)]);
  closing(() => Promise.all([room.leave(), reader.leave()]));
  await until(() => room.members.some(({ ready }) => ready) || undefined);
  const observer = await world.client();
  let messages = 0;
  observer.on('message', () => messages++);
  await observer.subscribeAsync('nes/room/room/frame/+');
  const lines = Array.from({ length: 300 }, (_, i) => (i % 100 === 50 ? `${i}`.padEnd(20_000) : `${i}`));
  const all: Promise<void>[] = [];
  for (const line of lines) {
    const payload = bytesOf(line);
    all.push(room.send(payload, { qos: 1 }));
    payload.fill(0);
    await Promise.resolve();
  }
  await Promise.all(all);
  const loop = reader.frames();
  for (const line of lines) expect(textOf((await loop.next()).value?.bytes as Uint8Array)).toBe(line);
  expect(messages).toBeGreaterThan(3);
  expect(messages).toBeLessThan(100);
});

test('whoever waits for each frame in a loop lets others have their turn, connected or not', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  const room = await alice.joinRoom('room', { admit });
  const turnsComeWithin = async (sends: number): Promise<boolean> => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    for (let i = 0; i < sends && !turned; i++) await room.send(new Uint8Array(20)).catch(() => {});
    return turned;
  };
  expect(await turnsComeWithin(20_000)).toBe(true);
  await world.broker.close();
  await until(async () => (await room.send(new Uint8Array(20)).catch(() => 'not connected')) ?? undefined);
  expect(await turnsComeWithin(20_000)).toBe(true);
});

test('leaving lets out what was sent', async () => {
  const { alice, taken } = await gather();
  void send(alice, 'one');
  void send(alice, 'last');
  await alice.leave();
  await simulation.time.pass(500);
  expect(bodies(taken)).toEqual(['one', 'last']);
});

test('with signatures there is one a batch, and what was signed for one batch serves for no other', async () => {
  const scene = await gather(true);
  const { alice, bob, taken } = scene;
  await Promise.all([send(alice, 'one'), send(alice, 'two'), send(alice, 'three')]);
  await simulation.time.pass(100);
  expect(bodies(taken)).toEqual(['one', 'two', 'three']);
  const [frame, ...others] = simulation.published.filter(({ place }) => place.kind === 'frame');
  expect(others).toEqual([]);
  const metadata = frameMetadata({ room: 'storm', kind: 'frame', address: 'alice', device: alice.device });
  const { frameKey } = keyOf(alice, bob);
  const plaintext = atOnce(run(openFrame(provider, frameKey, metadata, frame?.bytes as Uint8Array))) as Uint8Array;
  expect(plaintext.filter((byte) => byte === 0xd2).length).toBeGreaterThanOrEqual(1);
  const { content } = splitSignature(plaintext);
  forge(scene, 900, plaintext);
  forge(scene, 901, content);
  forge(scene, 902, plaintext.subarray(0, plaintext.length - content.length), ...encodeFrames(three('forged')));
  await simulation.time.pass(100);
  expect(taken).toHaveLength(3);
  expect(bob.undecryptable.map(({ reason }) => reason)).toEqual(['not-verified', 'unsigned', 'not-verified']);
});

const three = (body: string) => Array.from({ length: 3 }, () => ({ payload: bytesOf(body) }));

test('a batch that is played again is handed over once', async () => {
  const { alice, bob, taken } = await gather();
  await Promise.all([send(alice, 'one'), send(alice, 'two')]);
  const [batch] = simulation.published;
  await simulation.time.pass(100);
  for (let i = 0; i < 3; i++) if (batch) simulation.inject(batch);
  await simulation.time.pass(100);
  expect(bodies(taken)).toEqual(['one', 'two']);
  expect(bob.undecryptable).toEqual([]);
});

test('a batch that comes before its key waits as one, and one that never gets its key is told once', async () => {
  const { alice, bob, taken } = await gather();
  const ring = bob.session.members.get(alice.device)?.ring;
  const member = bob.session.members.get(alice.device);
  if (!member || !ring) throw new TypeError('not there');
  member.ring = { held: [] };
  await Promise.all([send(alice, 'early'), send(alice, 'as well')]);
  await simulation.time.pass(50);
  expect(taken).toEqual([]);
  // It asks for the key.
  await simulation.time.pass(5_000);
  expect(bodies(taken)).toEqual(['early', 'as well']);
  expect(bob.undecryptable).toEqual([]);
});

test('a malformed batch is dropped whole, and told once', async () => {
  const scene = await gather();
  const { bob, taken } = scene;
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
  const malformed = [
    hex('80'),
    hex('82f64101'),
    hex('83f64101f6'),
    hex('84f64101f6f6'),
    hex('84f641010041'),
    hex('84f64101604101'),
    hex('84f64101f6410100'),
    hex('9804f64101f64101'),
    hex('9ff64101f64101ff'),
    hex('9affffffff'),
    hex(`990202${'f640'.repeat(257)}`),
    hex(`84f64101f65a${MAX_BATCH_BYTES.toString(16).padStart(8, '0')}${'00'.repeat(MAX_BATCH_BYTES)}`),
  ];
  for (const [i, plaintext] of malformed.entries()) forge(scene, 900 + i, plaintext);
  await simulation.time.pass(100);
  expect(taken).toEqual([]);
  expect(bob.undecryptable.map(({ reason }) => reason)).toEqual(malformed.map(() => 'malformed'));
});

test('some bytes do not become frames without bound: the oldest make room, and each is told', async () => {
  const queue = createFrameQueue();
  let told = 0;
  const scene = await gather(false, (frame) => {
    told += queue.put(frame).length;
  });
  const tiny = Array.from({ length: MAX_BATCH_FRAMES }, (_, i) => ({ payload: Uint8Array.of(i) }));
  for (let i = 0; i < 100; i++) forge(scene, 900 + i, ...encodeFrames(tiny));
  await simulation.time.pass(100);
  expect(told).toBe(100 * MAX_BATCH_FRAMES - 4096);
});

test('what a batch holds is what its reader takes: every number and size up to the bounds', () => {
  const frame = (size: number) => ({ payload: new Uint8Array(size) });
  for (const count of [1, 2, 11, 12, 127, 128, MAX_BATCH_FRAMES]) {
    const [head, ...rest] = encodeFrames(Array.from({ length: count }, () => frame(3)));
    const content = Uint8Array.from([...(head as Uint8Array), ...rest.flatMap((part) => [...part])]);
    expect(decodeFrames(content)).toHaveLength(count);
  }
  const tooMany = Array.from({ length: MAX_BATCH_FRAMES + 1 }, () => frame(0));
  for (const frames of [[], tooMany]) {
    expect(() => encodeFrames(frames)).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }));
  }
  expect(() => encodeFrames([frame(MAX_BATCH_BYTES), frame(0)])).toThrow(
    expect.objectContaining({ code: 'USAGE_PAYLOAD_TOO_LARGE' }),
  );
});
