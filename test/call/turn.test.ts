import { describe, expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import { closing } from '../client/world.js';
import { type Coturn, type CoturnOptions, coturnAvailable, startCoturn } from '../peers/coturn.js';
import { peer } from '../peers/require.js';
import { connect, first, pair } from './talking.js';

const STACKS = { 'node-datachannel': nodeDataChannelRtc, werift: weriftRtc };
type StackName = keyof typeof STACKS;
const PAIRS: readonly (readonly [StackName, StackName])[] = [
  ['node-datachannel', 'node-datachannel'],
  ['werift', 'werift'],
  ['node-datachannel', 'werift'],
];

async function coturn(options?: CoturnOptions): Promise<Coturn> {
  const server = await startCoturn(options);
  closing(() => server.stop());
  return server;
}

/** Over this TURN server alone. */
function relayed({ host, port, secret }: Coturn, { lifetime = 600, query = '' } = {}): Omit<CallOptions, 'rtc'> {
  const iceServers = async () => [await turnCredentials(`turn:${host}:${port}${query}`, { secret, lifetime })];
  return { iceServers, policy: 'relay' };
}

describe.skipIf(!peer('coturn', coturnAvailable()))('through coturn, with the credentials that we compute', () => {
  test.each(PAIRS)('%s and %s come to each other over the relay alone', async (caller, callee) => {
    const way = relayed(await coturn());
    const { alice, bob } = await pair({ ...way, rtc: STACKS[caller]() }, { ...way, rtc: STACKS[callee]() });
    const [a, b] = await connect(alice, bob);
    expect([a.path, b.path]).toEqual(['turn', 'turn']);
    const heard = first(b);
    await a.send('x'.repeat(200_000));
    expect((await heard)?.length).toBe(200_000);
  });

  test('a credential that has run out is none: the call goes over the broker', async () => {
    const way = { ...relayed(await coturn(), { lifetime: -60 }), fallbackAfter: 1_500 };
    const { alice, bob } = await pair({ ...way, rtc: nodeDataChannelRtc() });
    const [a, b] = await connect(alice, bob);
    const heard = first(b);
    await a.send('all the same');
    expect(await heard).toBe('all the same');
    expect([a.path, b.path]).toEqual(['mqtt', 'mqtt']);
  });

  test.each([
    ['werift', 'turn', 20_000],
    // Its ICE, libjuice, speaks TURN over UDP alone.
    ['node-datachannel', 'mqtt', 1_000],
  ] as const)('where the server takes TCP alone, %s goes by %s', async (stack, path, fallbackAfter) => {
    const way = { ...relayed(await coturn({ udp: false }), { query: '?transport=tcp' }), fallbackAfter };
    const { alice, bob } = await pair({ ...way, rtc: STACKS[stack]() });
    const [a, b] = await connect(alice, bob);
    expect([a.path, b.path]).toEqual([path, path]);
    const heard = first(a);
    await b.send('all the same');
    expect(await heard).toBe('all the same');
  });
});
