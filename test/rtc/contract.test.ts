import { describe, expect, it } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import { rtcContract } from '../../src/testing/rtc-contract.js';

const tests = { describe, it, deepEqual: (a: unknown, b: unknown) => expect(a).toEqual(b) };
const [native, werift] = [nodeDataChannelRtc(), weriftRtc()];

rtcContract('node-datachannel', { left: native, right: native }, tests);
rtcContract('werift', { left: werift, right: werift }, tests);
rtcContract('node-datachannel with werift', { left: native, right: werift }, tests);
rtcContract('werift with node-datachannel', { left: werift, right: native }, tests);

it('makes the credential that coturn computes from the shared secret', async () => {
  const options = { secret: 'north', user: 'alice', lifetime: 600, now: 1_433_894_918_000 };
  expect(await turnCredentials('turn:turn.example', options)).toEqual({
    urls: 'turn:turn.example',
    username: '1433895518:alice',
    credential: expect.stringMatching(/^[A-Za-z0-9+/]{27}=$/),
  });
});
