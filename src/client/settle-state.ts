import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import { stateTag } from '../protocol/envelope/state-tag.js';
import { type Context, seconds } from './context.js';
import type { Latest } from './latest.js';
import { Message } from './message.js';
import type { Reception } from './reception.js';
import { messageFields } from './settle-message.js';

/**
 * Family `state`: what is newer than all that is known of its device and channel takes their place. The same once more is what
 * a broker retains, and sends whenever we subscribe. A state without content type says that the channel was cleared.
 */
export function settleState(context: Context, latest: Latest): Reception {
  const { provider, events } = context;
  // Who hears of a state finds it among `states()`, which reads what is stored.
  const whenKept = (tell: () => void): void => void context.commit([]).then(tell, () => {});
  return async ({ message, expired, tag, drop }) => {
    const { from, device, channel, version, id, tagKey } = message;
    if (version === undefined || device === undefined || channel === undefined || tagKey === undefined) {
      return drop({ reason: 'unnumbered', from });
    }
    // Retained under the name of another state: nobody but its owner puts it where it belongs.
    if (tag !== (await run(stateTag(provider, tagKey, device, channel)))) {
      return drop({ reason: 'unverifiable', from, error: new SealMQError('VERIFY_SIGNATURE') });
    }
    const origin = { family: 'state' as const, from, device, channel };
    const outcome = latest.judge(origin, { version, id });
    if (outcome === 'duplicate') return drop();
    if (outcome === 'full') return drop({ reason: 'too-many-channels', from });
    if (outcome === 'rolled-back') return drop({ reason: outcome, from });
    if (expired) return drop({ reason: 'expired', from }, [latest.keep(origin, { version, id })]);

    if (message.contentType === undefined) {
      drop(undefined, [latest.keep(origin, { version, id })]);
      return whenKept(() => events.emit('stateCleared', { from, device, channel }));
    }
    const state = { ...messageFields(message, device), family: 'state' as const };
    drop(undefined, [latest.keep(origin, { version, id }, { ...state, failures: 0 })]);
    whenKept(() => events.emit('state', new Message({ ...state, bytes: state.bytes.slice() })));
  };
}

/** Which states are asked for. */
export interface StateFilter {
  readonly from?: string;
  readonly channel?: string;
}

/** The states that are kept and have not expired. */
export async function presentStates(context: Context, latest: Latest, filter: StateFilter): Promise<Message[]> {
  const states: Message[] = [];
  for await (const entry of latest.contents('state', filter.from)) {
    if (filter.channel !== undefined && entry.channel !== filter.channel) continue;
    if (entry.expiresAt === undefined || entry.expiresAt > seconds(context)) states.push(new Message(entry));
  }
  return states;
}
