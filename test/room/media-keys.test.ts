import { expect, test } from 'vitest';
import type { EncodedFrame } from '../../src/adapters/media/encoded-frames.js';
import type { RoomMedia } from '../../src/client/room/media/index.js';
import type { Room } from '../../src/client/room/room.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { undressFrame } from '../../src/protocol/room/media/media-form.js';
import { readMediaKid } from '../../src/protocol/room/media/media-kid.js';
import { decodeSFrameHeader } from '../../src/protocol/room/sframe-header.js';
import { closing, createWorld, until } from '../client/world.js';
import { numbersOf, openMedia, picture, type StreamEnd, sound, streamEnd } from './media-call.js';

const ADMIT = ['alice', 'bob', 'casey', 'dan'];
const VIDEO = { mimeType: 'video/VP8' };

type World = Awaited<ReturnType<typeof createWorld>>;

async function enter(world: World, name: string, options = {}): Promise<Room> {
  const room = await (await world.join(name, options)).joinRoom('call', { admit: ADMIT });
  closing(() => room.leave());
  return room;
}

const readyIn = (room: Room, count: number) =>
  until(() => room.members.filter(({ ready }) => ready).length === count || undefined);

/** Alice, Bob and whoever else, in a room, with media open. */
async function gather(...names: string[]): Promise<{ rooms: Room[]; media: RoomMedia[]; world: World }> {
  const world = await createWorld();
  const rooms: Room[] = [];
  for (const name of names) rooms.push(await enter(world, name));
  for (const room of rooms) await readyIn(room, names.length - 1);
  const media: RoomMedia[] = [];
  for (const room of rooms) media.push(await openMedia(room));
  return { world, rooms, media };
}

/** A stream of `from`'s; what comes out is what the network gets. */
function sending(from: RoomMedia): StreamEnd {
  const stream = streamEnd();
  from.send(stream.end, VIDEO);
  return stream;
}

function receiving(to: RoomMedia, from?: string): StreamEnd & { readonly told: string[] } {
  const stream = streamEnd();
  const told: string[] = [];
  to.on('heard', ({ address, receiver }) => receiver === stream.end && told.push(`heard ${address}`));
  to.on('dropped', ({ on, reason }) => on === stream.end && told.push(reason));
  to.receive(stream.end, from === undefined ? {} : { from });
  return { ...stream, told };
}

/** What the network gets of these frames. */
async function sent(stream: StreamEnd, ...frames: EncodedFrame[]): Promise<EncodedFrame[]> {
  const before = stream.out.length;
  stream.put(...frames);
  await until(() => stream.out.length === before + frames.length || undefined);
  return stream.out.slice(before);
}

/** What the network gets of the first picture that goes out. */
async function sentAtLast(stream: StreamEnd, number: number): Promise<EncodedFrame> {
  const before = stream.out.length;
  return until(() => {
    stream.put(picture(number, 'key'));
    return stream.out[before];
  });
}

const out = (stream: StreamEnd, count: number) => until(() => stream.out.length === count || undefined);

const headerOf = ({ data }: EncodedFrame) => decodeSFrameHeader(undressFrame(new Uint8Array(data)) as Uint8Array);
const keyOf = (frame: EncodedFrame) => readMediaKid(headerOf(frame).kid) as { index: number; kid: number };

test('a frame comes out as it went in, once, and only as what it is and whose it is', async () => {
  const { media } = await gather('alice', 'bob', 'casey');
  const [alice, bob] = media as [RoomMedia, RoomMedia];
  const [camera, microphone] = [sending(alice), sending(alice)];
  const pictures = await sent(camera, picture(1, 'key'), picture(2), picture(3));
  const [word] = (await sent(microphone, sound(4))) as [EncodedFrame];
  // One counter for all streams: no nonce comes twice.
  const counters = [...pictures, word].map((frame) => headerOf(frame).ctr);
  expect(counters).toEqual([0n, 1n, 2n, 3n]);
  for (const [i, frame] of [...pictures, word].entries()) {
    expect(Buffer.from(frame.data).includes(Buffer.alloc(4, i + 1))).toBe(false);
  }

  const screen = receiving(bob, 'alice');
  screen.put(...pictures);
  await out(screen, 3);
  expect(numbersOf(screen.out)).toEqual([1, 2, 3]);
  expect(screen.out.map(({ data }) => data.byteLength)).toEqual([64, 64, 64]);
  expect(screen.told).toEqual(['heard alice']);

  const fresh = await sent(camera, picture(5), picture(6), picture(7));
  const changed = structuredClone(fresh[0] as EncodedFrame);
  new Uint8Array(changed.data)[30] = (new Uint8Array(changed.data)[30] ?? 0) ^ 1;
  const refused: [RoomMedia, string | undefined, EncodedFrame, string][] = [
    [bob, 'alice', pictures[1] as EncodedFrame, 'replayed'],
    [bob, 'alice', changed, 'not-authentic'],
    // Sound where pictures are expected.
    [bob, 'alice', { ...word, type: 'key' }, 'not-authentic'],
    [bob, 'alice', { type: 'key', data: new Uint8Array(500).fill(0x41).buffer }, 'malformed'],
    [bob, 'alice', picture(9, 'key'), 'malformed'],
    [bob, 'casey', fresh[1] as EncodedFrame, 'other-sender'],
  ];
  for (const [to, from, frame, why] of refused) {
    const stream = receiving(to, from);
    stream.put(frame);
    await until(() => stream.told.length > 0 || undefined);
    expect(stream.told).toEqual([why]);
    expect(stream.out).toEqual([]);
  }
  // None of that has used up what is Alice's.
  screen.put(...fresh);
  await out(screen, 6);
});

test('who leaves opens nothing that is sent from then on, and who joins nothing of before', async () => {
  const { media, rooms, world } = await gather('alice', 'bob', 'casey');
  const [alice, bob, casey] = media as [RoomMedia, RoomMedia, RoomMedia];
  const camera = sending(alice);
  const before = await sent(camera, picture(1, 'key'));
  await (rooms[2] as Room).leave();
  await until(() => (rooms[0] as Room).members.length === 1 || undefined);
  const after = await sentAtLast(camera, 3);
  expect(keyOf(after).kid).toBeGreaterThan(keyOf(before[0] as EncodedFrame).kid + 255);
  const screen = receiving(bob, 'alice');
  screen.put(...before, after);
  await out(screen, 2);
  expect(numbersOf(screen.out)).toEqual([1, 3]);
  expect(() => receiving(casey)).toThrow(expect.objectContaining({ code: 'USAGE_CLOSED' }));

  const dan = await enter(world, 'dan');
  await readyIn(dan, 2);
  const newcomer = receiving(await openMedia(dan), 'alice');
  newcomer.put(after);
  await until(() => newcomer.told.length > 0 || undefined);
  expect(newcomer.told).toEqual(['no-key']);
  // A ratchet step, of which nobody but the newcomer was told.
  await until(async () => keyOf(await sentAtLast(camera, 4)).kid % 256 > 0 || undefined);
  const latest = await sentAtLast(camera, 4);
  for (const stream of [newcomer, screen]) {
    const before = stream.out.length;
    stream.put(latest);
    await out(stream, before + 1);
  }
});

test('two members with the same index understand one another, and one takes another', async () => {
  const world = await createWorld();
  // Indexes are the only three random bytes that anybody asks for.
  const provider = nativeProvider();
  const stuck = () => {
    let first = true;
    const randomBytes = (size: number) => {
      if (size !== 3 || !first) return provider.randomBytes(size);
      first = false;
      return Uint8Array.of(1, 2, 3);
    };
    return { ...provider, randomBytes };
  };
  const rooms = [
    await enter(world, 'alice', { provider: stuck() }),
    await enter(world, 'bob', { provider: stuck() }),
  ] as const;
  for (const room of rooms) await readyIn(room, 1);
  let picks = 0;
  for (const room of rooms) room.on('rekeyed', ({ reason }) => void (reason === 'media' && picks++));
  const [alice, bob] = await Promise.all([openMedia(rooms[0]), openMedia(rooms[1])]);
  const cameras = [sending(alice), sending(bob)] as const;
  const indexes = async () => {
    const frames = await Promise.all(cameras.map((camera) => sent(camera, picture(1, 'key'))));
    return frames.map(([frame]) => keyOf(frame as EncodedFrame).index);
  };
  const first = await indexes();
  expect(first).toContain(0x010203);
  await until(async () => new Set(await indexes()).size === 2 || undefined);
  expect(picks).toBe(3);
  const screens = [receiving(alice, 'bob'), receiving(bob, 'alice')] as const;
  screens[1].put(...cameras[0].out);
  screens[0].put(...cameras[1].out);
  await out(screens[1], cameras[0].out.length);
  await out(screens[0], cameras[1].out.length);
});

test('a key that the worker calls worn is replaced before it is used up, and no frame is lost over it', async () => {
  const world = await createWorld();
  const rooms = [await enter(world, 'alice'), await enter(world, 'bob')] as const;
  for (const room of rooms) await readyIn(room, 1);
  const rekeyed: string[] = [];
  rooms[0].on('rekeyed', ({ reason }) => rekeyed.push(reason));
  const [alice, bob] = [await openMedia(rooms[0], 40), await openMedia(rooms[1])];
  const [camera, screen] = [sending(alice), receiving(bob, 'alice')];
  const [first] = (await sent(camera, picture(1, 'key'))) as [EncodedFrame];
  // Half of what the key is for, less one.
  await sent(camera, ...Array.from({ length: 18 }, (_, i) => picture(2 + i)));
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(rekeyed).toEqual(['media']);
  const [last] = (await sent(camera, picture(20))) as [EncodedFrame];
  expect(keyOf(last)).toEqual(keyOf(first));
  await until(() => rekeyed.includes('worn') || undefined);
  const fresh = await until(async () => {
    const [frame] = (await sent(camera, picture(21, 'key'))) as [EncodedFrame];
    return keyOf(frame).kid > keyOf(first).kid ? frame : undefined;
  });
  expect(keyOf(fresh)).toEqual({ index: keyOf(first).index, kid: keyOf(first).kid + 256 });
  expect(rekeyed).toEqual(['media', 'worn']);
  screen.put(...camera.out);
  await out(screen, camera.out.length);
  expect(screen.told).toEqual(['heard alice']);
});

test('media are open once at a time; opened anew they have another index and another key', async () => {
  const { media, rooms } = await gather('alice', 'bob');
  const [alice] = media as [RoomMedia];
  const [room] = rooms as [Room];
  const [before] = (await sent(sending(alice), picture(1, 'key'))) as [EncodedFrame];
  await expect(openMedia(room)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  alice.close();
  expect(() => sending(alice)).toThrow(expect.objectContaining({ code: 'USAGE_CLOSED' }));
  const [after] = (await sent(sending(await openMedia(room)), picture(1, 'key'))) as [EncodedFrame];
  expect(keyOf(after).index).not.toBe(keyOf(before).index);
  expect(keyOf(after).kid).toBeGreaterThan(keyOf(before).kid + 255);
});
