import { present } from '../bytes/fields.js';
import { isSealMQError } from '../errors.js';
import { BATCH_TYPE, decodeBatch } from '../protocol/envelope/batch.js';
import type { OpenedMessage } from '../protocol/envelope/open.js';
import type { Context } from './context.js';
import type { OpenedEntry } from './entries.js';
import { Message } from './message.js';
import type { Reception } from './reception.js';
import type { Numbering, Seen } from './seen.js';

/** What {@link settleMessage} needs besides the context. */
export interface MessageReception {
  readonly seen: Seen;
  /** Whether somebody waits for this very message, and so has it already. */
  readonly onMessage: (message: Message) => boolean;
  /** A verified numbered message has come, whatever was made of it: its sender is to be answered. */
  readonly onArrival: (numbering: Numbering, reused: boolean) => void;
}

/** Family `message`: what has a new number goes to the application, others have been there. */
export function settleMessage(context: Context, { seen, onMessage, onArrival }: MessageReception): Reception {
  return async ({ message, expired, hand, drop }) => {
    const { from, device, stream } = message;
    const seq = seqFor(context.account.address, message);
    if (seq === undefined || stream === undefined || device === undefined) return drop({ reason: 'unnumbered', from });
    const numbering = { from, device, stream };
    const sighting = await seen.accept(numbering, seq, message.id);
    onArrival(numbering, sighting.kind === 'sequence-reused');
    if (sighting.kind !== 'new') return drop({ reason: sighting.kind, from });
    const { missing, lost, earlier, retired, operations } = sighting;
    if (earlier) context.events.emit('earlier', { ...numbering, range: earlier });
    if (missing) context.events.emit('missing', { ...numbering, range: missing });
    if (lost) context.events.emit('lost', { ...numbering, range: lost, reason: 'too-many-gaps' });
    for (const { stream: old, lost: ranges } of retired) {
      for (const range of ranges) {
        context.events.emit('lost', { ...numbering, stream: old, range, reason: 'too-many-streams' });
      }
    }
    // It has come, so nobody needs to ask for it.
    if (expired) return drop({ reason: 'expired', from }, operations);

    const common = { ...copyOf(context, message), ...receiversOf(message) };
    const entries: Omit<OpenedEntry, 'failures'>[] = [];
    try {
      for (const each of messagesIn(message)) entries.push({ ...messageFields(each, device, seq), ...common });
    } catch (error) {
      if (!isSealMQError(error)) throw error;
      // Its sender signed it like that, and has no better one.
      return drop({ reason: 'malformed', from, error }, operations);
    }
    // An answer that this process waits for is settled by being handed over; after a crash nobody waits any more.
    const isTaken = (entry: (typeof entries)[number]) =>
      entry.inReplyTo !== undefined && onMessage(new Message({ ...entry, bytes: entry.bytes.slice() }));
    const unasked = entries.filter((entry) => !isTaken(entry));
    if (unasked.length === 0) drop(undefined, operations);
    else hand(unasked, operations);
  };
}

/** The application's messages that a sealed one carries: several where it is a batch. @throws `DECODE_CBOR`, `DECODE_CLAIMS` */
function messagesIn(message: OpenedMessage): readonly OpenedMessage[] {
  const { contentType, channel: _, inReplyTo: __, ...common } = message;
  if (contentType !== BATCH_TYPE) return [message];
  return decodeBatch(message.payload).map((own) => ({ ...common, ...own }));
}

/** To whom the message was of which this is a copy. Only our own devices can say so; of others the claim means nothing. */
function copyOf({ account }: Context, { from, to }: OpenedMessage): { readonly to?: OpenedMessage['to'] & {} } {
  return to !== undefined && from === account.address ? { to } : {};
}

/** Who else has it. */
function receiversOf({ audience }: OpenedMessage): { readonly receivers?: readonly string[] } {
  return typeof audience === 'string' ? {} : { receivers: audience };
}

/** The number that the message bears for this receiver: one of several has its own. */
function seqFor(address: string, { seq, audience }: OpenedMessage): number | undefined {
  if (typeof seq === 'number' || seq === undefined || typeof audience === 'string') return seq as number | undefined;
  return seq[audience.indexOf(address)];
}

/** What of a verified message is for the application. */
export function messageFields(message: OpenedMessage, device: string, seq?: number) {
  const { id, from, payload, issuedAt, expiresAt, contentType, channel, inReplyTo } = message;
  return present({
    ...{ messageId: id, from, device, bytes: payload, issuedAt, expiresAt, contentType, channel, seq, inReplyTo },
  });
}
