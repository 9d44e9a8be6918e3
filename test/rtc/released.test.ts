import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import type { Rtc, RtcHandlers } from '../../src/ports/rtc.js';

const CONNECTIONS = 5;
const COLLECTIONS = 40;

test('node-datachannel lets go of connections that never opened', async () => {
  const rtc = nodeDataChannelRtc();
  const held: WeakRef<RtcHandlers>[] = [];
  for (let i = 0; i < CONNECTIONS; i++) held.push(await neverOpened(rtc));
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const alive = () => held.filter((handlers) => handlers.deref() !== undefined).length;
  for (let i = 0; i < COLLECTIONS && alive() > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collect();
  }
  expect(alive()).toBe(0);
});

/** What a connection that was offered to nobody, and closed, has told its news to. */
async function neverOpened(rtc: Rtc): Promise<WeakRef<RtcHandlers>> {
  const handlers: RtcHandlers = { candidate() {}, state() {}, message() {}, drained() {} };
  const connection = rtc.create({ iceServers: [], policy: 'all', handlers });
  await connection.offer();
  await connection.close();
  return new WeakRef(handlers);
}
