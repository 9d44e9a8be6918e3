import { describe, expect, it, onTestFinished } from 'vitest';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { type CoturnOptions, coturnAvailable, startCoturn } from '../peers/coturn.js';
import { peer } from '../peers/require.js';
import type { PageCallOptions } from './app/talk.js';
import { setCallScene, talk } from './call-scene.js';
import type { Stage } from './chromium.js';

/** Over a TURN server of one's own alone, however long that takes. */
async function relayed(options: CoturnOptions = {}, query = ''): Promise<PageCallOptions> {
  const { host, port, secret, stop } = await startCoturn(options);
  onTestFinished(() => stop());
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
  });
}
