import { expect, it, onTestFinished } from 'vitest';
import type { CallPath } from '../../src/client/call/way.js';
import { udpNetwork } from '../call/udp-network.js';
import { setCallScene, talk } from './call-scene.js';
import type { Stage } from './chromium.js';

const MEGABYTE = 1024 * 1024;

/** A way is missed after seconds, and attempts at a new one are seconds apart. */
const PATIENCE = { timeout: 40_000, interval: 50 };

/** Calls with browsers: their own WebRTC, their own crypto, and a broker's WebSocket between them. */
export function callTests(stage: () => Stage): void {
  it('one browser calls another', { timeout: 60_000 }, async () => {
    const scene = await setCallScene(stage(), { fallbackAfter: 2_000 });
    // Both tell names of the local network: where multicast does not pass, the broker is left.
    await talk(await scene.inChromium('alice'), await scene.inChromium('bob'), ['direct', 'mqtt']);
  });

  it('two browsers that call each other at once have one call', { timeout: 60_000 }, async () => {
    const scene = await setCallScene(stage(), { fallbackAfter: 1_000 });
    const [alice, bob] = [await scene.inChromium('alice'), await scene.inChromium('bob')];
    for (const talks of [alice, bob]) await talks('awaitCall');
    const [ours, theirs] = await Promise.all([alice('call', 'bob'), bob('call', 'alice')]);
    expect(theirs).toBe(ours);
    await alice('hangUp');
    expect(await bob('ended')).toEqual({ reason: 'hangup', by: 'them' });
  });

  it.each(['node-datachannel', 'werift'] as const)(
    'a browser calls Node with %s, and is called back',
    { timeout: 180_000 },
    async (stack) => {
      const scene = await setCallScene(stage());
      const [page, node] = [await scene.inChromium('alice'), await scene.inNode('bob', stack)];
      await talk(page, node);
      await page('awaitCall');
      await node('call', 'alice');
      await page('taken');
      expect([await page('path'), await node('path')]).toEqual(['direct', 'direct']);
      await node('hangUp');
      await page('ended');
    },
  );

  it('a browser and Node find a new direct way when the old one swallows everything', {
    timeout: 120_000,
  }, async () => {
    const network = udpNetwork();
    onTestFinished(() => network.close());
    // The browser tells no address of its own: each of its packets goes by what Node has told.
    const scene = await setCallScene(stage(), { heartbeat: 1_500, fallbackAfter: 20_000 });
    const page = await scene.inChromium('alice');
    const node = await scene.inNode('bob', 'node-datachannel', network.through);
    await node('awaitCall');
    await page('call', 'bob');
    await node('taken');
    /** Waits until both are on that way; what they are on instead stands in the error. */
    const both = (path: CallPath) =>
      expect.poll(async () => [await page('path'), await node('path')], PATIENCE).toEqual([path, path]);
    await both('direct');
    network.cut();
    // The network is whole again when both have missed it: who finds a new way before that has no word for it.
    await both('mqtt');
    network.heal();
    await both('direct');
    const { forwarded } = network;
    const [toNode, toPage] = [node('readAll'), page('readAll')];
    const sent = [await page('sendBytes', MEGABYTE), await node('sendBytes', MEGABYTE)];
    for (const side of [page, node]) await side('end');
    expect([...(await toNode), ...(await toPage)]).toEqual(sent);
    // No packet has 1,500 bytes.
    expect(network.forwarded - forwarded).toBeGreaterThan((2 * MEGABYTE) / 1_500);
    await page('hangUp');
    await node('ended');
  });
}
