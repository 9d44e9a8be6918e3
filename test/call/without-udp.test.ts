import { describe, expect, test } from 'vitest';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { closing } from '../client/world.js';
import { coturnAvailable, startCoturn } from '../peers/coturn.js';
import { peer } from '../peers/require.js';
import { runWithoutUdp, withoutUdpAvailable } from '../peers/without-udp.js';

const SCRIPT = new URL('without-udp-process.ts', import.meta.url);

const blocked = peer('a way to block UDP (Linux with python3)', withoutUdpAvailable());

describe.skipIf(!blocked)('where UDP is blocked', () => {
  test.each(['node-datachannel', 'werift'])('a call over %s goes by MQTT', async (stack) => {
    expect(await runWithoutUdp(SCRIPT, [stack, JSON.stringify({ fallbackAfter: 1_000 })])).toBe('mqtt: heard, too');
  });

  const turn = peer('coturn', coturnAvailable());

  test.skipIf(!turn)('a call over werift goes by a TURN server that it reaches by TCP', async () => {
    // The server itself is beyond the firewall.
    const { host, port, secret, stop } = await startCoturn();
    closing(stop);
    const iceServers = [await turnCredentials(`turn:${host}:${port}?transport=tcp`, { secret })];
    const options = JSON.stringify({ iceServers, fallbackAfter: 20_000 });
    expect(await runWithoutUdp(SCRIPT, ['werift', options])).toBe('turn: heard, too');
  });
});
