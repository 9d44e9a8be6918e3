import { expect, it, onTestFinished } from 'vitest';
import type { CallPath } from '../../src/client/call/way.js';
import { type UdpNetwork, udpNetwork } from '../call/udp-network.js';
import { setCallScene, type Talks, talk } from './call-scene.js';
import type { Stage } from './chromium.js';

const MEGABYTE = 1024 * 1024;

/** After three heartbeats without a sign of life a way is doubted, and attempts at a new one are seconds apart. */
const WATCHFUL = { heartbeat: 1_500, fallbackAfter: 20_000 };
const PATIENCE = { timeout: 40_000, interval: 50 };
const LOSING = { timeout: 140_000 };

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

  it('a browser and Node find a new direct way when the old one swallows everything', LOSING, async () => {
    const network = openNetwork();
    const scene = await setCallScene(stage(), WATCHFUL);
    // The browser tells no address of its own: each of its packets goes by what Node has told.
    const alice = await scene.inChromium('alice');
    await loseAndFind(network, alice, await scene.inNode('bob', 'node-datachannel', network.through));
  });

  it('two browsers find a new direct way when the old one swallows everything', LOSING, async () => {
    const network = openNetwork();
    const scene = await setCallScene(stage(), WATCHFUL);
    const alice = await scene.inChromium('alice', network);
    await loseAndFind(network, alice, await scene.inChromium('bob', network));
  });
}

function openNetwork(): UdpNetwork {
  const network = udpNetwork();
  onTestFinished(() => network.close());
  return network;
}

/** A call whose packets are swallowed goes on over MQTT, and directly when there is a way again. */
async function loseAndFind(network: UdpNetwork, alice: Talks, bob: Talks): Promise<void> {
  await bob('awaitCall');
  await alice('call', 'bob');
  await bob('taken');
  /** Waits until both are on that way; what they are on instead stands in the error. */
  const both = (path: CallPath) =>
    expect.poll(async () => [await alice('path'), await bob('path')], PATIENCE).toEqual([path, path]);
  await both('direct');
  network.cut();
  // The network is whole again when both have missed it: who finds a new way before that has no word for it.
  await both('mqtt');
  network.heal();
  await both('direct');
  const { forwarded } = network;
  const [toBob, toAlice] = [bob('readAll'), alice('readAll')];
  const sent = [await alice('sendBytes', MEGABYTE), await bob('sendBytes', MEGABYTE)];
  for (const talks of [alice, bob]) await talks('end');
  expect([...(await toBob), ...(await toAlice)]).toEqual(sent);
  // No packet has 1,500 bytes.
  expect(network.forwarded - forwarded).toBeGreaterThan((2 * MEGABYTE) / 1_500);
  await alice('hangUp');
  await bob('ended');
}
