import type { Latest } from './latest.js';
import type { Reception } from './reception.js';
import { messageFields } from './settle-message.js';

/** Family `will`: what is newer than all wills of its device and channel goes to the application, marked as a will. */
export function settleWill(latest: Latest): Reception {
  return async ({ message, expired, hand, drop }) => {
    const { from, device, channel, version, id } = message;
    if (version === undefined || device === undefined) return drop({ reason: 'unnumbered', from });
    const origin = { family: 'will' as const, from, device, channel };
    const outcome = latest.judge(origin, { version, id });
    if (outcome === 'full') return drop({ reason: 'too-many-channels', from });
    if (outcome !== 'new') return drop({ reason: outcome, from });
    const kept = [latest.keep(origin, { version, id })];
    if (expired) return drop({ reason: 'expired', from }, kept);
    hand([{ ...messageFields(message, device), family: 'will' }], kept);
  };
}
