import { expect, it } from 'vitest';
import { setCallScene, talk } from './call-scene.js';
import type { Stage } from './chromium.js';

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
}
