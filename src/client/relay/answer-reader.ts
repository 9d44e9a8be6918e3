import { run } from '../../crypto/steps.js';
import { deviceStanding } from '../../protocol/identity/device.js';
import { openRelayAnswer, type RelayAnswer } from '../../protocol/relay/index.js';
import { type Context, seconds } from '../context.js';
import { relayRecord } from './make-hand-in.js';

/** Answers that are read at a time: anybody can publish to the topic of answers. */
const MAX_AT_A_TIME = 32;

/**
 * Reads what comes on the topic of answers; what is none of the relay's, or for another device, is passed over.
 *
 * @param isAwaited - whether any answer is waited for at all
 */
export function createAnswerReader(
  context: Context,
  isAwaited: () => boolean,
): (bytes: Uint8Array) => Promise<RelayAnswer | undefined> {
  let reading = 0;
  return async (bytes) => {
    if (!isAwaited() || reading >= MAX_AT_A_TIME) return undefined;
    reading++;
    try {
      const { provider, account } = context;
      const { devices } = await relayRecord(context);
      const good = devices.filter((device) => deviceStanding(device, seconds(context)) === 'good');
      const reader = { address: account.address, keys: account.sealKeys };
      const signKeys = good.map(({ signKey }) => signKey);
      return await run(openRelayAnswer(provider, bytes, reader, signKeys));
    } finally {
      reading--;
    }
  };
}
