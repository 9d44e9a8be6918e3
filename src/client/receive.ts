import { present } from '../bytes/fields.js';
import { run } from '../crypto/steps.js';
import { isSealMQError, SealMQError } from '../errors.js';
import type { StoreOperation } from '../ports/store.js';
import { type OpenOutcome, openSteps } from '../protocol/envelope/open.js';
import { type Family, placeOf } from '../protocol/envelope/topics.js';
import { type Context, seconds } from './context.js';
import type { InboxEntry, QuarantineEntry } from './entries.js';
import type { Inbox } from './inbox.js';
import { isNotice, type Notices } from './notices.js';
import type { Receptions } from './reception.js';
import type { Rejection } from './rejection.js';
import { controlSenderKey, senderKey } from './sender-keys.js';

/** How every sealed message begins: tag 96 and an array of four. What does not is not worth a write. */
const FIRST_BYTES = [0xd8, 0x60, 0x84];

/** What {@link process} needs besides the context. */
export interface ReceiveState {
  readonly inbox: Inbox;
  readonly receptions: Receptions;
  readonly notices: Notices;
  /**
   * What mail that names this sender and key waits for in the quarantine, if there is any: what follows must wait behind it, and
   * no longer than it.
   */
  readonly heldFor: (from: string, kid: Uint8Array) => string | undefined;
}

/**
 * Size and tag check → into the inbox. The transport acknowledges when this resolves: when what became of the message is durable,
 * or the message as it came. The mirror image of `send.ts`, continued by {@link process}.
 */
export async function receive(
  context: Context,
  { inbox, receptions }: Pick<ReceiveState, 'inbox' | 'receptions'>,
  topic: string,
  bytes: Uint8Array,
): Promise<void> {
  const place = placeOf(context.topicPrefix, context.account.address, topic);
  if (!place || !receptions[place.family] || context.echoes.has(bytes)) return;
  if (bytes.length > context.maxSealedBytes) {
    return reject(context, {
      reason: 'malformed',
      error: new SealMQError('DECODE_TOO_LARGE', `${bytes.length} bytes`),
    });
  }
  const isSealed = FIRST_BYTES.every((byte, i) => bytes[i] === byte);
  if (!isSealed && !isNotice({ family: place.family, sealed: bytes })) {
    return reject(context, { reason: 'malformed', error: new SealMQError('DECODE_COSE', 'not a sealed message') });
  }
  await inbox.receive(place, bytes);
}

/** Reasons that pass when the sender's record, or its next version, reaches the directory. */
const MAY_APPEAR: readonly string[] = ['unknown-sender', 'unknown-key'];

/** Reasons that pass when the application decides, or a clock is set right; control messages are repeated until then. */
const MAY_PASS: readonly string[] = ['held', 'from-the-future'];

/** Why the message is to be tried again later. */
function passingReason(outcome: OpenOutcome, family: Family): string | undefined {
  const reason = outcome.kind === 'sender-refused' ? outcome.reason : outcome.kind;
  return MAY_APPEAR.includes(reason) || (family !== 'control' && MAY_PASS.includes(reason)) ? reason : undefined;
}

/** Takes an entry out of its queue, if it lies in one: what it answers belongs into the batch that settles it. */
export type Take = () => readonly StoreOperation[];

/** What became of an entry: settled for good, or to be tried again because of a passing fault of the named sender's key. */
export type Processed = 'settled' | Pick<QuarantineEntry, 'from' | 'kid' | 'reason'>;

/**
 * Open → verify → the family's {@link Receptions | reception}: for messages sequence → what was seen and the opened entry in
 * one atomic batch. What fails for good is reported and dropped in one write as well.
 *
 * The writes are under way when it resolves; the store keeps their order.
 *
 * @param take - takes the entry out of the queue it lies in
 * @param leave - called before anything that may take long, as the directory or another device may
 * @param final - there will be no further try: a sender whose key is not known counts as refused
 */
export async function process(
  context: Context,
  state: ReceiveState,
  entry: InboxEntry,
  take: Take,
  leave: () => void,
  { held = false, final = false } = {},
): Promise<Processed> {
  if (entry.family === 'control') leave();
  if (isNotice(entry)) {
    state.inbox.drop(take());
    await state.notices.hear(entry.sealed);
    return 'settled';
  }
  let sender: { from: string; kid: Uint8Array } | undefined;
  let behind: string | undefined;
  try {
    const opening = openSteps(context.provider, entry.sealed, {
      address: context.account.address,
      family: entry.family,
      keys: context.account.sealKeys,
      now: seconds(context),
      maxSealedBytes: context.maxSealedBytes,
      senderKey: (from, kid) => {
        sender = { from, kid };
        behind = held || entry.family === 'control' ? undefined : state.heldFor(from, kid);
        if (behind) throw new SealMQError('DIRECTORY_UNREACHABLE', 'earlier mail waits for this key');
        return (entry.family === 'control' ? controlSenderKey : senderKey)(context, from, kid, leave);
      },
    });
    const outcome = await run(opening);
    const passing = final ? undefined : passingReason(outcome, entry.family);
    if (sender && passing) return { ...sender, reason: passing };
    await settle(context, state, entry, take, outcome);
    return 'settled';
  } catch (error) {
    if (!sender || !isSealMQError(error) || !error.code.startsWith('DIRECTORY_')) throw error;
    if (!behind) context.events.emit('warning', error);
    return { ...sender, reason: behind ?? error.code };
  }
}

/** Verified messages go their family's way, the rest is reported and dropped. */
async function settle(
  context: Context,
  { inbox, receptions }: ReceiveState,
  { family, tag, sealed }: InboxEntry,
  take: Take,
  outcome: OpenOutcome,
): Promise<void> {
  const drop = (rejection?: Rejection, operations: readonly StoreOperation[] = []) => {
    inbox.drop(take(), operations);
    const isOurDoing = rejection?.reason === 'duplicate' && inbox.isBroughtAgain(sealed);
    if (rejection && !isOurDoing) reject(context, rejection);
  };
  const reception = receptions[family];
  // What devices tell each other is sealed to one device and comes to all.
  if (outcome.kind === 'not-for-me' && family === 'control') return drop();
  if ((outcome.kind !== 'opened' && outcome.kind !== 'expired') || !reception)
    return drop(rejectionOf(outcome, family));
  await reception({
    message: outcome.message,
    expired: outcome.kind === 'expired',
    tag,
    hand: (entries, operations) => inbox.hand(take(), entries, operations),
    drop,
  });
}

/** What is told of an outcome that is no message; nothing of what was retained from before this device was added. */
export function rejectionOf(outcome: OpenOutcome, family: Family): Rejection | undefined {
  if (outcome.kind === 'opened') return undefined;
  // Retained from before this device was added, until its owner seals it anew.
  if (outcome.kind === 'not-for-me' && family === 'state') return { reason: 'state-for-other-devices' };
  if (outcome.kind === 'sender-refused') return { reason: outcome.reason, from: outcome.from };
  const from = 'message' in outcome ? outcome.message.from : 'from' in outcome ? outcome.from : undefined;
  return present({ reason: outcome.kind, from, error: 'error' in outcome ? outcome.error : undefined });
}

function reject(context: Context, rejection: Rejection): void {
  context.events.emit('rejected', rejection);
}
