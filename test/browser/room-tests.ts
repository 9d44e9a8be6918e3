import { expect, it, onTestFinished } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { Room } from '../../src/client/room/room.js';
import type { Stage } from './chromium.js';
import { PATIENCE, type RoomScene, setRoomScene } from './room-scene.js';

const NAMES = ['alice', 'bob', 'casey'];

/** A member in Node, and what it heard. */
async function joinInNode(address: string, { place }: RoomScene): Promise<{ room: Room; heard: string[] }> {
  const messenger = await Messenger.open({ address, ...place, store: memoryStore(), suite: 'P256-ESP256' });
  onTestFinished(() => messenger.close());
  await messenger.register();
  const room = await messenger.joinRoom('room-1', { admit: NAMES });
  const heard: string[] = [];
  void (async () => {
    for await (const { from, bytes } of room.frames()) heard.push(`${from}: ${new TextDecoder().decode(bytes)}`);
  })();
  return { room, heard };
}

/** Rooms with members in browsers. */
export function roomTests(stage: () => Stage): void {
  it('two browsers and one member in Node exchange frames, each with both others', async () => {
    const scene = await setRoomScene(stage());
    const [alice, bob] = [await scene.openPage(), await scene.openPage()];
    await alice('join', 'alice', 'room-1', NAMES, scene.place);
    const casey = await joinInNode('casey', scene);
    await bob('join', 'bob', 'room-1', NAMES, scene.place);
    await expect.poll(() => alice('ready', 'alice'), PATIENCE).toBe(2);
    await expect.poll(() => bob('ready', 'bob'), PATIENCE).toBe(2);
    await expect.poll(() => casey.room.members.filter(({ ready }) => ready).length, PATIENCE).toBe(2);
    const says = {
      alice: (text: string) => alice('say', 'alice', text),
      bob: (text: string) => bob('say', 'bob', text),
      casey: (text: string) => casey.room.send(new TextEncoder().encode(text), { qos: 1 }),
    };
    const everybodySays = async (text: string) => {
      for (const say of Object.values(says)) await say(text);
    };
    const linesFor = (name: string, texts: readonly string[]) =>
      texts.flatMap((text) => NAMES.filter((other) => other !== name).map((other) => `${other}: ${text}`)).sort();
    await everybodySays('one');
    await everybodySays('two');
    const texts = ['one', 'two'];
    await expect
      .poll(async () => [...(await alice('heard', 'alice'))].sort(), PATIENCE)
      .toEqual(linesFor('alice', texts));
    await expect.poll(async () => [...(await bob('heard', 'bob'))].sort(), PATIENCE).toEqual(linesFor('bob', texts));
    await expect.poll(() => [...casey.heard].sort(), PATIENCE).toEqual(linesFor('casey', texts));

    await bob('leave', 'bob');
    await expect.poll(() => casey.room.members.length, PATIENCE).toBe(1);
    await expect.poll(() => alice('ready', 'alice'), PATIENCE).toBe(1);
    await says.casey('without Bob');
    await says.alice('without Bob');
    await expect.poll(() => alice('heard', 'alice'), PATIENCE).toContain('casey: without Bob');
    await expect.poll(() => casey.heard, PATIENCE).toContain('alice: without Bob');
    expect(await bob('heard', 'bob')).toHaveLength(4);
  });
}
