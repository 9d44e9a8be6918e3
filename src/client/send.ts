import { fromBase64url, toBase64url } from '../bytes/base64url.js';
import { encodeBriefly } from '../bytes/cbor.js';
import { present } from '../bytes/fields.js';
import { giveBack } from '../bytes/memory.js';
import { SealMQError } from '../errors.js';
import { assertAddress } from '../protocol/address.js';
import { BATCH_TYPE, type BatchMessage, encodeBatch } from '../protocol/envelope/batch.js';
import { assertOwnClaims, MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import { type Draft, seal } from '../protocol/envelope/seal.js';
import { topicOf } from '../protocol/envelope/topics.js';
import { activeDevices } from '../protocol/identity/account.js';
import type { DeviceEntry } from '../protocol/identity/device.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import { assertOptions, flag, lifetime, oneOf, type Rules, text } from './arguments.js';
import type { Batch, Batches, PostedBatch, Terms } from './batches.js';
import { type Context, seconds } from './context.js';
import type { OutboxEntry } from './entries.js';
import { encodePayload, type Payload } from './message.js';
import type { Outbox } from './outbox.js';
import type { SendCounters } from './send-counters.js';
import { sentKey, type Tracked, type Tracking } from './tracking.js';

/** How a message is sent. */
export interface SendOptions {
  /** Media type; default by the payload: text/plain, application/octet-stream or application/json. */
  readonly contentType?: string;
  /** The application's own name for what the message belongs to; signed. 1 to 256 characters. */
  readonly channel?: string;
  /** Seconds after which nobody is to read it any more. */
  readonly expiresIn?: number;
  /** The `id` of the message that this one answers; signed. */
  readonly inReplyTo?: string;
  /** When the outbox is full: wait until there is room (default), or throw `STATE_FULL`. */
  readonly whenFull?: 'wait' | 'refuse';
  /** Whether to keep the message until all of the receiver's devices have receipted it; default as the messenger's `awaitReceipts`. */
  readonly receipt?: boolean;
  /** Whether our own other devices get a copy; default as the messenger's `copies`. */
  readonly copy?: boolean;
  /**
   * `direct`: published to the receiver's topic. `relay`: handed in at the relay, so that the broker is not told by whom the
   * message in the receiver's queue is. Default as the messenger's `via`; to several receivers always by the relay.
   */
  readonly via?: 'direct' | 'relay';
}

const SEND_RULES: Rules<SendOptions> = {
  contentType: text,
  channel: text,
  expiresIn: lifetime,
  inReplyTo: text,
  whenFull: oneOf('wait', 'refuse'),
  receipt: flag,
  copy: flag,
  via: oneOf('direct', 'relay'),
};

/** A message that is in the outbox: it will go out, whatever happens to the network or this process. */
export interface Sent extends Tracked {
  readonly id: string;
  readonly to: string;
  /** This device's running number of sealed messages to `to`: those that were sealed together share one. */
  readonly seq: number;
  /** Resolves when the broker has acknowledged it; rejects when it expired or was refused, or on `close()` (`USAGE_CLOSED`). */
  readonly published: Promise<void>;
}

/** What {@link send} needs besides the context. */
export interface SendState {
  readonly outbox: Outbox;
  readonly batches: Batches;
  readonly counters: SendCounters;
  readonly tracking: Tracking;
}

/**
 * Room → directory → seal → counter and outbox entry in one atomic batch, with a copy for our own other devices; the outbox publishes.
 * What waits for the same receiver is sealed together. The mirror image of `receive.ts`.
 *
 * @param signal - gives up, as long as it is not being sealed
 * @throws `STATE_NOT_REGISTERED`, `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE`, `USAGE_CONTACT_BLOCKED`,
 *   `DIRECTORY_NOT_FOUND`, `DIRECTORY_IDENTITY_HELD`, `DIRECTORY_RECORD_EXPIRED`, `DIRECTORY_NO_ACTIVE_DEVICE`,
 *   other `DIRECTORY_` codes, `STATE_FULL`, `STATE_UNAVAILABLE`
 */
export async function send(
  context: Context,
  state: SendState,
  to: string,
  payload: Payload,
  options: SendOptions = {},
  signal?: AbortSignal,
): Promise<Sent> {
  const { message, terms } = compose(context, payload, options);
  assertReceiver(context, to);
  await context.account.assertRegistered(context.keys);
  // Before a turn to be numbered is taken: whoever holds one must not wait for what others do.
  const release = await state.outbox.capacity.reserve(message.payload.length, options.whenFull ?? 'wait', signal);
  const posted = await state.batches
    .add(to, message, terms, (batch) => post(context, state, batch), signal)
    .finally(release);
  await posted.durable;
  const { delivered, deliveredTo } = posted.tracked;
  return { id: toBase64url(message.id), to, seq: posted.seq, published: posted.acknowledged, delivered, deliveredTo };
}

/** Numbers, seals and keeps messages for which there is room. */
async function post(context: Context, { outbox, counters, tracking }: SendState, batch: Batch): Promise<PostedBatch> {
  const { account } = context;
  const { to, terms } = batch;
  const { kept, copied } = terms;
  const settling = clockFor(context, terms);
  // Else who has nothing to wait for would be overtaken.
  if (settling) await settling;
  const record = await receiverRecord(context, to);
  return counters.next(to, account.stream, async (seq, counted) => {
    const messages = batch.close();
    if (messages.length === 0) throw givenUp();
    const content = { ...contentOf(context, messages), ...timesOf(context, terms) };
    const readers = activeDevices(record, content.issuedAt);
    const sealed = await sealEntry(context, { ...content, audience: to, seq }, readers, kept);
    const entry = messages.length === 1 ? sealed : { ...sealed, ids: messages.map(({ id }) => id) };
    const tracked = tracking.follow(kept ? sentKey(to, entry.stream, seq) : undefined);
    const copyReaders = !copied || to === account.address ? [] : readersOfCopies(context);
    const posted =
      copyReaders.length === 0
        ? { seq, tracked, ...outbox.put(entry, [counted]) }
        : await counters.next(account.address, account.stream, async (copySeq, copyCounted) => {
            const copyContent = { ...content, audience: account.address, to, seq: copySeq };
            const copy = await sealEntry(context, copyContent, copyReaders, kept);
            context.echoes.note(copy.sealed);
            return { seq, tracked, ...outbox.put(entry, [counted, copyCounted], copy) };
          });
    giveBack(content.payload);
    return posted;
  });
}

/** Nobody waits for the message any more, so that it must not go out. */
export function givenUp(): SealMQError {
  return new SealMQError('TRANSPORT_TIMEOUT', 'given up before it was sealed');
}

/** What the sealed message carries: the application's, or several of them. */
function contentOf({ provider }: Context, messages: readonly BatchMessage[]): BatchMessage {
  const [only] = messages;
  if (only && messages.length === 1) return only;
  const id = provider.randomBytes(MESSAGE_ID_BYTES).slice();
  return { id, payload: encodeBatch(messages, encodeBriefly), contentType: BATCH_TYPE };
}

/** A message as the application gave it, and what it wants for it. */
export interface Composed {
  readonly message: BatchMessage;
  readonly terms: Terms;
}

/**
 * Reads what a message is to be.
 *
 * @throws `USAGE_INVALID_ARGUMENT`, `DECODE_BASE64URL`, at once: what is wrong with `payload` and `options` is the caller's
 */
export function compose(context: Context, payload: Payload, options: SendOptions): Composed {
  assertOptions(options, SEND_RULES, 'options');
  const { bytes, ...encoded } = encodePayload(payload);
  const { channel, expiresIn, contentType = encoded.contentType } = options;
  if (contentType === BATCH_TYPE)
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `${BATCH_TYPE} is not for applications`);
  const inReplyTo = options.inReplyTo === undefined ? undefined : fromBase64url(options.inReplyTo);
  const id = context.provider.randomBytes(MESSAGE_ID_BYTES).slice();
  const message = present({ id, inReplyTo, payload: bytes, contentType, channel });
  // What nobody could read must not spoil the company of others.
  assertOwnClaims(message);
  const kept = options.receipt ?? context.awaitReceipts;
  return { message, terms: { expiresIn, kept, copied: options.copy ?? context.copies } };
}

/**
 * To be waited for before anything else is asked for: a time to live that is counted from a wrong moment could be over before it
 * begins. What was looked up before could be revoked meanwhile.
 */
export function clockFor(context: Context, { expiresIn }: Terms): Promise<void> | undefined {
  return expiresIn === undefined ? undefined : context.settled();
}

/** When a message is sealed, and how long it is of use. Seconds. */
export function timesOf(context: Context, { expiresIn }: Terms): Pick<Draft, 'issuedAt' | 'expiresAt'> {
  const issuedAt = seconds(context);
  return present({ issuedAt, expiresAt: expiresIn === undefined ? undefined : issuedAt + Math.ceil(expiresIn) });
}

/** Our other devices, for what goes to somebody else: they get it as a message of its own that says to whom it was. */
export function readersOfCopies({ account, now }: Context): readonly DeviceEntry[] {
  return activeDevices(account.record, seconds({ now })).filter(({ id }) => id !== account.device.id);
}

/** Seals a message to `readers`, as it lies in the outbox. `kept`: until all of them have receipted it. */
export async function sealEntry(
  context: Context,
  content: Omit<Draft, 'from' | 'stream' | 'id'> & {
    readonly audience: string;
    readonly seq: number;
    readonly id: Uint8Array;
  },
  readers: readonly DeviceEntry[],
  kept: boolean,
): Promise<OutboxEntry> {
  const { account, provider, topicPrefix, padding, maxPayloadBytes } = context;
  const { audience, id, seq, expiresAt } = content;
  const { stream, address, device } = account;
  const draft = { ...content, from: address, stream, padding, maxPayloadBytes };
  const recipients = readers.map(({ sealKey }) => sealKey);
  const sealed = await seal(provider, draft, { signKey: device.signKey, recipients });
  const devices = kept ? readers.map((reader) => reader.id) : [];
  const topic = topicOf(topicPrefix, audience, 'message');
  return present({ id, to: audience, topic, stream, seq, devices, sealed, expiresAt });
}

/** @throws `USAGE_INVALID_ADDRESS`, `USAGE_CONTACT_BLOCKED` */
export function assertReceiver({ contacts }: Context, to: string): void {
  if (contacts.isBlocked(assertAddress(to))) {
    throw new SealMQError('USAGE_CONTACT_BLOCKED', `${to} is blocked: unblock first`);
  }
}

/** The receiver's record, fit to be sealed to. @throws `USAGE_INVALID_ADDRESS`, `USAGE_CONTACT_BLOCKED`, `DIRECTORY_` codes */
export async function receiverRecord(context: Context, to: string): Promise<KeyRecord> {
  assertReceiver(context, to);
  const toSeal = { toSeal: true };
  const record = context.keys.cached(to, toSeal) ?? (await context.keys.record(to, toSeal));
  if (!record) throw new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${to}`);
  const now = seconds(context);
  if (record.expiresAt <= now) throw new SealMQError('DIRECTORY_RECORD_EXPIRED', `the key record of ${to} has expired`);
  if (activeDevices(record, now).length === 0) {
    throw new SealMQError('DIRECTORY_NO_ACTIVE_DEVICE', `${to} has no active device`);
  }
  return record;
}
