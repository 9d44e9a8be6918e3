import { expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import { until } from '../client/world.js';
import { connect, first, pair } from './talking.js';

const STACKS = { 'node-datachannel': nodeDataChannelRtc, werift: weriftRtc };

test.each(Object.entries(STACKS))(
  'who hangs up while the broker is away says so by the direct way: %s',
  async (_name, stack) => {
    const { world, alice, bob } = await pair({ rtc: stack() });
    const [a, b] = await connect(alice, bob);
    await until(() => (a.path === 'direct' && b.path === 'direct') || undefined);
    await world.broker.close();
    const heard = first(b);
    await a.send('and goodbye');
    await a.hangUp();
    // Without a word it would have failed.
    expect(await b.ended).toEqual({ reason: 'hangup', by: 'them' });
    expect(await heard).toBe('and goodbye');
  },
);
