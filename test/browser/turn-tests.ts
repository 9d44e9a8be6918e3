import { describe, expect, it, onTestFinished } from 'vitest';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { type Coturn, type CoturnOptions, coturnAvailable, startCoturn } from '../peers/coturn.js';
import { peer } from '../peers/require.js';
import type { PageCallOptions } from './app/talk.js';
import { setCallScene, talk } from './call-scene.js';
import type { Stage } from './chromium.js';

/** Lets a browser notice that its way is gone, on a busy machine, too. */
const PATIENCE = { timeout: 60_000, interval: 200 };

/** Over a TURN server of one's own alone, however long that takes. */
async function relayed(options: CoturnOptions = {}, query = ''): Promise<PageCallOptions> {
  const server = await startCoturn(options);
  onTestFinished(() => server.stop());
  return over(server, query);
}

async function over({ host, port, secret }: Coturn, query = ''): Promise<PageCallOptions> {
  const iceServers = [await turnCredentials(`turn:${host}:${port}${query}`, { secret })];
  return { iceServers, policy: 'relay', fallbackAfter: 60_000 };
}

/** Calls of browsers that show their addresses to nobody but a TURN server. */
export function turnTests(stage: () => Stage): void {
  describe.skipIf(!peer('coturn', coturnAvailable()))('through coturn, over relays alone', () => {
    it.each([
      ['UDP', {}, ''],
      ['TCP alone', { udp: false }, '?transport=tcp'],
    ] as const)('one browser calls another; the server takes %s', { timeout: 90_000 }, async (_, options, query) => {
      const scene = await setCallScene(stage(), await relayed(options, query));
      const [alice, bob] = [await scene.inChromium('alice'), await scene.inChromium('bob')];
      await talk(alice, bob, ['turn'], async () => {
        for (const talks of [alice, bob]) expect(await talks('candidatePair')).toEqual(['relay', 'relay']);
      });
    });

    it.each(['node-datachannel', 'werift'] as const)(
      'a browser calls Node with %s',
      { timeout: 90_000 },
      async (stack) => {
        const scene = await setCallScene(stage(), await relayed());
        const [alice, bob] = [await scene.inChromium('alice'), await scene.inNode('bob', stack)];
        await talk(alice, bob, ['turn'], async () => {
          expect(await alice('candidatePair')).toEqual(['relay', 'relay']);
        });
      },
    );

    it('a call goes on over MQTT when the server dies, and loses nothing', { timeout: 120_000 }, async () => {
      const server = await startCoturn();
      onTestFinished(() => server.stop());
      const scene = await setCallScene(stage(), { ...(await over(server)), fallbackAfter: 4_000 });
      const [alice, bob] = [await scene.inChromium('alice'), await scene.inChromium('bob')];
      await bob('awaitCall');
      await alice('call', 'bob');
      await bob('taken');
      const heard = bob('readAll');
      for (const talks of [alice, bob]) await expect.poll(() => talks('path'), PATIENCE).toBe('turn');
      await alice('say', 'one');
      await server.stop();
      await alice('say', 'two');
      for (const talks of [alice, bob]) await expect.poll(() => talks('path'), PATIENCE).toBe('mqtt');
      await alice('say', 'three');
      await alice('end');
      expect(await heard).toEqual(['one', 'two', 'three']);
    });
  });
}
