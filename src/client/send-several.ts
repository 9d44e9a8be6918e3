import { toBase64url } from '../bytes/base64url.js';
import { present } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import type { PendingOperation } from '../ports/store.js';
import { assertAddress } from '../protocol/address.js';
import { seal } from '../protocol/envelope/seal.js';
import { activeDevices } from '../protocol/identity/account.js';
import type { DeviceEntry } from '../protocol/identity/device.js';
import { MAX_RECEIVERS } from '../protocol/relay/index.js';
import type { Capacity } from './capacity.js';
import type { Context } from './context.js';
import type { Payload } from './message.js';
import type { CopyOutcome } from './relay/copy-outcome.js';
import type { HandInEntry } from './relay/hand-in-entry.js';
import type { HandIns } from './relay/hand-ins.js';
import { relayRecord } from './relay/make-hand-in.js';
import {
  assertReceiver,
  type Composed,
  clockFor,
  compose,
  givenUp,
  readersOfCopies,
  receiverRecord,
  type SendOptions,
  type SendState,
  type Sent,
  sealEntry,
  timesOf,
} from './send.js';
import { sentKey } from './tracking.js';

/** One message to several receivers, safe in the store: it will be handed in, whatever happens to the network or this process. */
export interface SentToSeveral {
  readonly id: string;
  /** Sorted. */
  readonly to: readonly string[];
  /** For each receiver, in the order of `to`, as if the message were to them alone; `published` is the relay's word that the copy is in their queue. */
  readonly each: readonly Sent[];
  /** What became of each copy, in the order of `to`; rejects on `close()` (`USAGE_CLOSED`). */
  readonly outcomes: Promise<readonly CopyOutcome[]>;
}

/** What {@link sendSeveral} needs besides the context. */
export interface HandInState extends SendState {
  readonly handIns: HandIns;
}

/**
 * `send` by way of the relay: directory → one sealed message for all receivers → counters and the entry to be handed in, in one
 * atomic batch. The relay puts a copy into each queue.
 *
 * @param to - addresses without repetition, none of them our own
 * @param signal - as for `send`
 * @throws as `send`, `USAGE_TOO_MANY_RECIPIENTS` for more than 256 receivers or devices, `DIRECTORY_NOT_FOUND` also where the
 *   directory names no relay
 */
export async function sendSeveral(
  context: Context,
  state: HandInState,
  to: readonly string[],
  payload: Payload,
  options: SendOptions = {},
  signal?: AbortSignal,
): Promise<SentToSeveral> {
  const composed = compose(context, payload, options);
  const receivers = sortedReceivers(to, context.account.address);
  for (const one of receivers) assertReceiver(context, one);
  await context.account.assertRegistered(context.keys);
  const release = await reserveBoth(state, composed.message.payload.length, options.whenFull ?? 'wait', signal);
  const posted = await post(context, state, receivers, composed, signal).finally(release);
  await posted.durable;
  const id = toBase64url(composed.message.id);
  const each = posted.each.map((one, i) => ({ ...one, id, published: publishedOf(posted.outcomes, i) }));
  return { id, to: receivers, each, outcomes: posted.outcomes };
}

/** Room with the hand-ins first: who waits there must keep none from what goes out directly. @throws as `Capacity.reserve` */
async function reserveBoth({ handIns, outbox }: HandInState, ...what: Parameters<Capacity['reserve']>) {
  const releaseHandIn = await handIns.capacity.reserve(...what);
  try {
    const releaseEntry = await outbox.capacity.reserve(...what);
    return () => {
      releaseHandIn();
      releaseEntry();
    };
  } catch (error) {
    releaseHandIn();
    throw error;
  }
}

/** Numbers, seals and keeps a message for which there is room. */
async function post(
  context: Context,
  { outbox, handIns, counters, tracking }: HandInState,
  receivers: readonly string[],
  { message, terms }: Composed,
  signal: AbortSignal | undefined,
) {
  const { account } = context;
  const { kept, copied } = terms;
  const settling = clockFor(context, terms);
  if (settling) await settling;
  const records = await Promise.all([...receivers.map((one) => receiverRecord(context, one)), relayRecord(context)]);
  return counters.nextOfAll(receivers, account.stream, async (seqs, counted) => {
    if (signal?.aborted) throw givenUp();
    const content = { ...message, ...timesOf(context, terms) };
    const { id, issuedAt, expiresAt } = content;
    const readers = receivers.map((_, i) => activeDevices(records[i] as (typeof records)[number], issuedAt));
    const addressed =
      receivers.length === 1
        ? { audience: receivers[0] as string, seq: seqs[0] as number }
        : { audience: receivers, seq: seqs };
    const sealed = await sealTo(context, { ...content, ...addressed }, readers.flat());
    const entry: HandInEntry = present({
      ...{ id, sealed, expiresAt, stream: account.stream },
      receivers: receivers.map((one, i) => ({
        ...{ to: one, seq: seqs[i] as number },
        devices: kept ? (readers[i] ?? []).map((device) => device.id) : [],
      })),
    });
    const each = entry.receivers.map(({ to: one, seq }) => ({
      to: one,
      seq,
      ...tracking.follow(kept ? sentKey(one, entry.stream, seq) : undefined),
    }));
    const copyReaders = copied ? readersOfCopies(context) : [];
    if (copyReaders.length === 0) {
      return { each, ...handIns.put(entry, (operation) => context.tryCommit([...counted, operation])) };
    }
    return counters.next(account.address, account.stream, async (copySeq, copyCounted) => {
      const whole = receivers.length === 1 ? (receivers[0] as string) : receivers;
      const copyContent = { ...content, audience: account.address, to: whole, seq: copySeq };
      const copy = await sealEntry(context, copyContent, copyReaders, kept);
      context.echoes.note(copy.sealed);
      const write = (operation: PendingOperation) => outbox.put(copy, [...counted, copyCounted, operation]).durable;
      return { each, ...handIns.put(entry, write) };
    });
  });
}

/** The copy of one receiver: resolves when it is in their queue. */
function publishedOf(outcomes: Promise<readonly CopyOutcome[]>, i: number): Promise<void> {
  const published = outcomes.then((all) => {
    const outcome = all[i];
    if (outcome?.kind === 'refused') throw outcome.error;
  });
  // Most callers do not look at it.
  published.catch(() => {});
  return published;
}

function sortedReceivers(to: readonly string[], own: string): readonly string[] {
  const receivers = [...new Set(to.map(assertAddress))].sort();
  if (receivers.length !== to.length || receivers.length === 0) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a list of receivers, each named once');
  }
  if (receivers.length > MAX_RECEIVERS) {
    throw new SealMQError(
      'USAGE_TOO_MANY_RECIPIENTS',
      `a message has 1 to ${MAX_RECEIVERS} receivers, not ${receivers.length}`,
    );
  }
  if (receivers.includes(own)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'our own devices get a copy without being named');
  }
  return receivers;
}

function sealTo(
  context: Context,
  content: Omit<Parameters<typeof seal>[1], 'from' | 'stream'>,
  readers: readonly DeviceEntry[],
): Promise<Uint8Array> {
  const { account, provider, padding, maxPayloadBytes } = context;
  const { stream, address, device } = account;
  const draft = { ...content, from: address, stream, padding, maxPayloadBytes };
  return seal(provider, draft, { signKey: device.signKey, recipients: readers.map(({ sealKey }) => sealKey) });
}
