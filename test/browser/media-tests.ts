import { expect, it } from 'vitest';
import type { Stage } from './chromium.js';
import { gather, PATIENCE, setRoomScene } from './room-scene.js';

const CODECS = ['video/VP8', 'video/VP9', 'video/AV1', 'video/H264'];

/** Calls over WebRTC between members of a room. */
export function mediaTests(stage: () => Stage): void {
  it('a member sees and hears, with every codec; a stranger sees nothing', async () => {
    const scene = await setRoomScene(stage());
    const caller = await scene.openPage();
    await gather(scene, caller, 'alice', 'bob');
    await caller('openMedia', 'alice');
    await caller('openMedia', 'bob');
    const strangers = await Promise.all(CODECS.map((codec) => caller('callStranger', 'alice', { codec })));
    const calls: [string, number][] = [];
    for (const codec of CODECS) calls.push([codec, await caller('call', 'alice', 'bob', { codec, playOnly: 'alice' })]);
    for (const [codec, call] of calls) {
      const decoded = async () => (await caller('reception', call)).framesDecoded;
      await expect.poll(decoded, { ...PATIENCE, message: codec }).toBeGreaterThan(5);
      await expect.poll(async () => (await caller('reception', call)).likeness, PATIENCE).toBeGreaterThan(0.8);
    }
    for (const stranger of strangers) {
      const { framesReceived, likeness } = await caller('reception', stranger);
      expect(framesReceived).toBeGreaterThan(5);
      // Decoders of VP8 make noise of what others refuse.
      expect(Math.abs(likeness)).toBeLessThan(0.4);
    }
    expect(new Set(await caller('told', 'bob'))).toEqual(new Set(['heard alice: audio', 'heard alice: video']));
    expect(await caller('told', 'alice')).toEqual([]);
  });

  it('a member sees in a browser that has encoded streams only', async () => {
    const scene = await setRoomScene(stage());
    const caller = await scene.openPage();
    await gather(scene, caller, 'alice', 'bob');
    await caller('forgetScriptTransform');
    await caller('openMedia', 'alice');
    await caller('openMedia', 'bob');
    const call = await caller('call', 'alice', 'bob', { codec: 'video/VP8', playOnly: 'alice' });
    await expect.poll(async () => (await caller('reception', call)).likeness, PATIENCE).toBeGreaterThan(0.8);
    expect(new Set(await caller('told', 'bob'))).toEqual(new Set(['heard alice: audio', 'heard alice: video']));
  });

  it('who left sees no more, keys kept or not; the others see on', async () => {
    const scene = await setRoomScene(stage());
    const caller = await scene.openPage();
    await gather(scene, caller, 'alice', 'bob', 'casey');
    await caller('openMedia', 'alice');
    await caller('openMedia', 'bob', 'stubborn');
    await caller('openMedia', 'casey');
    const [bob, casey] = [
      await caller('call', 'alice', 'bob', { codec: 'video/VP8' }),
      await caller('call', 'alice', 'casey', { codec: 'video/VP8' }),
    ];
    const decoded = async (call: number) => (await caller('reception', call)).framesDecoded;
    for (const call of [bob, casey]) await expect.poll(() => decoded(call), PATIENCE).toBeGreaterThan(5);
    await caller('leave', 'bob');
    await expect.poll(() => caller('told', 'bob'), PATIENCE).toContain('dropped: no-key');
    const [before, received] = [await decoded(bob), (await caller('reception', bob)).bytes];
    const then = await decoded(casey);
    await expect.poll(() => decoded(casey), PATIENCE).toBeGreaterThan(then + 10);
    expect(await decoded(bob)).toBe(before);
    expect((await caller('reception', bob)).bytes).toBeGreaterThan(received);
  });

  it('a receiver that is for one member plays no other', async () => {
    const scene = await setRoomScene(stage());
    const caller = await scene.openPage();
    await gather(scene, caller, 'alice', 'bob');
    await caller('openMedia', 'alice');
    await caller('openMedia', 'bob');
    const call = await caller('call', 'alice', 'bob', { codec: 'video/VP8', playOnly: 'casey' });
    await expect.poll(() => caller('told', 'bob'), PATIENCE).toContain('dropped: other-sender');
    expect(await caller('reception', call)).toMatchObject({ framesDecoded: 0 });
  });
}
