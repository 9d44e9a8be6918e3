import { present } from '../bytes/fields.js';
import { isSealMQError, SealMQError } from '../errors.js';
import type { StoreOperation } from '../ports/store.js';
import { type Control, decodeControl } from '../protocol/envelope/control.js';
import { type OpenedMessage, open } from '../protocol/envelope/open.js';
import { familyOf } from '../protocol/envelope/topics.js';
import { type Context, seconds } from './context.js';
import type { InboxEntry } from './entries.js';
import type { Inbox } from './inbox.js';
import { Message } from './message.js';
import type { Rejection } from './messenger-events.js';
import type { Numbering, Seen } from './seen.js';
import { senderKey } from './sender-keys.js';

/** How every sealed message begins: tag 96 and an array of four. What does not is not worth a write. */
const FIRST_BYTES = [0xd8, 0x60, 0x84];

/** What {@link process} needs besides the context. */
export interface ReceiveState {
  readonly inbox: Inbox;
  readonly seen: Seen;
  /** Whether mail that names this sender waits in the quarantine already, so that what follows must wait behind it. */
  readonly isHeld: (from: string) => boolean;
  /** Whether somebody waits for this very message, and so has it already. */
  readonly onMessage: (message: Message) => boolean;
  /** A verified numbered message has come, for the first time or again. */
  readonly onArrival: (numbering: Numbering) => void;
  /** A verified control message has come. */
  readonly onControl: (from: string, device: string, control: Control) => Promise<void>;
}

/**
 * Size and tag check → raw bytes into the inbox, durably. The transport acknowledges when this resolves, so nothing else
 * happens here. The mirror image of `send.ts`, continued by {@link process}.
 */
export async function receive(context: Context, inbox: Inbox, topic: string, bytes: Uint8Array): Promise<void> {
  const family = familyOf(context.topicPrefix, context.account.address, topic);
  if (family !== 'message' && family !== 'control') return;
  if (bytes.length > context.maxSealedBytes) {
    return reject(context, {
      reason: 'malformed',
      error: new SealMQError('DECODE_TOO_LARGE', `${bytes.length} bytes`),
    });
  }
  if (FIRST_BYTES.some((byte, i) => bytes[i] !== byte)) {
    return reject(context, { reason: 'malformed', error: new SealMQError('DECODE_COSE', 'not a sealed message') });
  }
  await inbox.receive(family, bytes);
}

/** Takes an entry out of its queue: the operation belongs into the batch that settles it. */
export type Take = () => StoreOperation;

/** What became of an entry: settled for good, or to be tried again because of a passing fault of `from`'s keys. */
export type Processed = 'settled' | { readonly waitFor: string; readonly reason: string };

/**
 * Open → verify → sequence → what was seen and the opened entry in one atomic batch. What fails for good is reported and
 * dropped in one write as well.
 *
 * The writes are under way when it resolves; the store keeps their order.
 *
 * @param take - takes the entry out of the queue it lies in
 * @param final - there will be no further try: a sender whose key is not known counts as refused
 */
export async function process(
  context: Context,
  state: ReceiveState,
  entry: InboxEntry,
  take: Take,
  { held = false, final = false } = {},
): Promise<Processed> {
  const waiting: { from?: string } = {};
  try {
    const outcome = await open(context.provider, entry.sealed, {
      address: context.account.address,
      family: entry.family,
      keys: context.account.sealKeys,
      now: seconds(context),
      maxSealedBytes: context.maxSealedBytes,
      senderKey: (from, kid) => {
        waiting.from = from;
        if (!held && state.isHeld(from))
          throw new SealMQError('DIRECTORY_UNREACHABLE', 'earlier mail waits for this key');
        return senderKey(context, from, kid);
      },
    });
    if (outcome.kind === 'opened') {
      const settleIt = entry.family === 'control' ? settleControl : settle;
      return await settleIt(context, state, outcome.message, take);
    }
    if (outcome.kind === 'sender-refused') {
      const mayAppear = outcome.reason === 'unknown-sender' || outcome.reason === 'unknown-key';
      if (mayAppear && !final) return { waitFor: outcome.from, reason: outcome.reason };
      return drop(context, state, take, { reason: outcome.reason, from: outcome.from });
    }
    const from = 'message' in outcome ? outcome.message.from : 'from' in outcome ? outcome.from : undefined;
    const error = 'error' in outcome ? outcome.error : undefined;
    return drop(context, state, take, present({ reason: outcome.kind, from, error }));
  } catch (error) {
    if (waiting.from === undefined || !isSealMQError(error) || !error.code.startsWith('DIRECTORY_')) throw error;
    context.events.emit('warning', error);
    return { waitFor: waiting.from, reason: error.code };
  }
}

/** A verified message: new ones go to the application, others have been there. */
async function settle(context: Context, state: ReceiveState, message: OpenedMessage, take: Take): Promise<'settled'> {
  const { from, device, stream, seq } = message;
  if (typeof seq !== 'number' || stream === undefined || device === undefined) {
    return drop(context, state, take, { reason: 'unnumbered', from });
  }
  const numbering = { from, device, stream };
  const sighting = await state.seen.accept(numbering, seq);
  if (sighting.kind !== 'stale-stream') state.onArrival(numbering);
  if (sighting.kind !== 'new') return drop(context, state, take, { reason: sighting.kind, from });

  const { payload, id, issuedAt, expiresAt, contentType, channel, inReplyTo } = message;
  const fields = {
    messageId: id,
    from,
    device,
    bytes: payload,
    issuedAt,
    expiresAt,
    contentType,
    channel,
    seq,
    inReplyTo,
  };
  const handed = present(fields);
  // An answer that this process waits for is settled by being handed over; after a crash nobody waits any more.
  if (inReplyTo && state.onMessage(new Message(handed))) state.inbox.drop(take(), sighting.operations);
  else state.inbox.hand(take(), { ...handed, failures: 0 }, sighting.operations);
  const { missing, lost } = sighting;
  if (missing) context.events.emit('missing', { ...numbering, range: missing });
  if (lost) context.events.emit('lost', { ...numbering, range: lost, reason: 'too-many-gaps' });
  return 'settled';
}

/** What a device says of messages: acted on, then forgotten. */
async function settleControl(
  context: Context,
  state: ReceiveState,
  { from, device, payload }: OpenedMessage,
  take: Take,
): Promise<'settled'> {
  let control: Control;
  try {
    control = decodeControl(payload);
  } catch (error) {
    return drop(context, state, take, { reason: 'malformed', from, error: error as SealMQError });
  }
  // A control message is never worth a second try: receipts are cumulative, and requests are repeated.
  if (device !== undefined) {
    await state.onControl(from, device, control).catch((error: SealMQError) => context.events.emit('warning', error));
  }
  state.inbox.drop(take());
  return 'settled';
}

function drop(context: Context, { inbox }: ReceiveState, take: Take, rejection: Rejection): 'settled' {
  inbox.drop(take());
  reject(context, rejection);
  return 'settled';
}

function reject(context: Context, rejection: Rejection): void {
  context.events.emit('rejected', rejection);
}
