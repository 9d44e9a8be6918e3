import { expect, it, onTestFinished } from 'vitest';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import type { Caller, Place } from './app/call.js';
import { type Ask, asker, type Stage } from './chromium.js';

/** Lets a condition take as long as a busy machine needs. */
const PATIENCE = { timeout: 20_000, interval: 100 };

const CODECS = ['video/VP8', 'video/VP9', 'video/AV1', 'video/H264'];

interface Scene {
  readonly caller: Ask<Caller>;
  readonly place: Place;
}

/** A page, a broker and a directory, for one test. */
async function setScene({ browser, site }: Stage): Promise<Scene> {
  const broker = await createBroker({ ws: 0 });
  onTestFinished(() => broker.close());
  const directory = await createKeyProvider();
  onTestFinished(() => directory.close());
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(site.url('call.html'));
  return { caller: asker<Caller>(page), place: { broker: broker.wsUrl as string, directory: directory.url } };
}

/** Members of one room, all in the page, who have each other's keys. */
async function gather({ caller, place }: Scene, ...names: string[]): Promise<void> {
  for (const name of names) await caller('join', name, 'call', names, place);
  for (const name of names) await expect.poll(() => caller('ready', name), PATIENCE).toBe(names.length - 1);
}

/** Calls over WebRTC between members of a room. */
export function mediaTests(stage: () => Stage): void {
  it('a member sees and hears, with every codec; a stranger sees nothing', async () => {
    const scene = await setScene(stage());
    const { caller } = scene;
    await gather(scene, 'alice', 'bob');
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

  it('who left sees no more, keys kept or not; the others see on', async () => {
    const scene = await setScene(stage());
    const { caller } = scene;
    await gather(scene, 'alice', 'bob', 'casey');
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
    const scene = await setScene(stage());
    const { caller } = scene;
    await gather(scene, 'alice', 'bob');
    await caller('openMedia', 'alice');
    await caller('openMedia', 'bob');
    const call = await caller('call', 'alice', 'bob', { codec: 'video/VP8', playOnly: 'casey' });
    await expect.poll(() => caller('told', 'bob'), PATIENCE).toContain('dropped: other-sender');
    expect(await caller('reception', call)).toMatchObject({ framesDecoded: 0 });
  });
}
