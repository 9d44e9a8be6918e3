import { LRUCache } from 'lru-cache';
import { present } from '../../bytes/fields.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { MAX_SEALED_BYTES } from '../../protocol/envelope/profile.js';
import { topicOf } from '../../protocol/envelope/topics.js';
import {
  type HandInLimits,
  judgeHandIn,
  NEW_SENDER,
  type OpenedHandIn,
  openHandIn,
  type ReceiverRefusal,
  type RelayAnswer,
  rememberAnswer,
  type SenderState,
  verifyHandIn,
} from '../../protocol/relay/index.js';
import type { Registered } from '../registered.js';
import { type AnswerParts, answer } from './answer.js';
import type { DropReason, RelayEvent, RelayOptions } from './options.js';
import type { Sender, Senders } from './senders.js';
import type { Wakes } from './wakes.js';

/** What works off hand-ins. */
export interface HandInParts extends AnswerParts {
  readonly senders: Senders;
  readonly registered: Registered;
  /** Where this relay wakes. */
  readonly wakes: Pick<Wakes, 'spoke' | 'dialled'> | undefined;
  readonly limits: HandInLimits;
  readonly onWake: RelayOptions['onWake'];
  readonly report: (event: RelayEvent) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Answers remembered over all senders. */
const MAX_REMEMBERED = 100_000;

/** How long the broker may take for all copies of a hand-in, in milliseconds. */
const COPY_PATIENCE = 10_000;

/**
 * Works off one hand-in after the other.
 *
 * @returns resolves when the broker has all copies and may forget the hand-in; rejects when it does not take them now
 */
export function createHandIns(parts: HandInParts): (bytes: Uint8Array) => Promise<void> {
  const { provider, account, senders, limits, report, now } = parts;
  const states = new LRUCache<string, SenderState>({
    max: MAX_REMEMBERED,
    maxSize: MAX_REMEMBERED,
    sizeCalculation: ({ answered }) => answered.length + 1,
  });
  const keys = {
    sealKeys: [account.device.sealKey],
    identity: account.record.identity,
    // What is larger than the limit is read all the same, so that its sender can be told.
    maxSealedBytes: Math.max(limits.bytes, MAX_SEALED_BYTES),
  };
  const drop = (reason: DropReason) => report({ type: 'dropped', reason });

  async function work(handIn: OpenedHandIn): Promise<void> {
    const sender = await senders.find(handIn);
    if ('refused' in sender) return drop(sender.refused);
    if (!(await run(verifyHandIn(provider, sender.device.signKey, handIn)))) return drop('forged');

    const { content, sealed } = handIn;
    const before = states.get(sender.address) ?? NEW_SENDER;
    const { state, output } = judgeHandIn(before, { content, bytes: sealed.length }, now(), limits);
    states.set(sender.address, state);
    if (output.kind === 'ignore') return drop('repeated');
    if (output.kind === 'answer') {
      const { refusal } = output.answer;
      report(refusal ? { type: 'refused', reason: refusal } : { type: 'repeated' });
      return answer(parts, sender, output.answer);
    }

    const refused = await putCopies(parts, handIn);
    const given: RelayAnswer = { nonce: content.nonce, now: Math.floor(now()), refused };
    states.set(sender.address, rememberAnswer(states.get(sender.address) ?? state, content, given));
    report({ type: 'taken', copies: content.receivers.length - refused.size, refused: refused.size });
    await answer(parts, sender, given);
    await wake(parts, sender, handIn, refused);
  }

  return async (bytes) => {
    try {
      const outcome = await run(openHandIn(provider, bytes, keys));
      if (outcome.kind === 'opened') await work(outcome.handIn);
      else drop(outcome.kind);
    } catch (error) {
      // Nobody is answered, and so the sender tries again.
      if (isSealMQError(error) && error.code.startsWith('DIRECTORY_')) return drop('directory-unreachable');
      report({ type: 'failed', error });
      throw error;
    }
  };
}

/** Puts a copy into each receiver's queue: the sealed message alone. @throws `TRANSPORT_*` when the broker is not there */
async function putCopies(
  { registered, outgoing, topicPrefix }: HandInParts,
  { content, sealed }: OpenedHandIn,
): Promise<ReadonlyMap<string, ReceiverRefusal>> {
  const refused = new Map<string, ReceiverRefusal>();
  const known = await Promise.all(content.receivers.map(async (to) => ({ to, known: await registered(to) })));
  const copies = known.map(async ({ to, known }) => {
    if (!known) return refused.set(to, 'not-registered');
    try {
      await outgoing.publish(topicOf(topicPrefix, to, content.family ?? 'message'), sealed, { qos: 1 });
    } catch (error) {
      // Its sender decides whether to hand it in again, also where the broker takes nothing for now.
      if (!isSealMQError(error, 'TRANSPORT_REFUSED') && !isSealMQError(error, 'TRANSPORT_UNREACHABLE')) throw error;
      refused.set(to, 'not-taken');
    }
  });
  await inTime(Promise.all(copies));
  return refused;
}

/** Sees to those who are not there, and to those who turn out to be. */
async function wake(
  { onWake, wakes, report }: HandInParts,
  { address }: Sender,
  { content, sealed }: OpenedHandIn,
  refused: ReadonlyMap<string, ReceiverRefusal>,
): Promise<void> {
  const receivers = content.receivers.filter((to) => !refused.has(to));
  const { message, issuedAt } = content;
  for (const callee of content.family === 'signal' ? receivers : []) {
    wakes?.spoke(address, callee);
    if (content.wake) wakes?.dialled({ caller: address, callee, message, sealed, issuedAt });
  }
  if (!content.wake || !onWake || receivers.length === 0) return;
  try {
    await onWake(present({ sender: address, receivers, family: content.family ?? 'message', wake: content.wake }));
  } catch (error) {
    report({ type: 'failed', error });
  }
}

/** `work`, or a rejection when it takes too long: nothing else is read from the broker meanwhile. */
async function inTime(work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = () => new SealMQError('TRANSPORT_TIMEOUT', 'the broker did not acknowledge the copies in time');
    timer = setTimeout(() => reject(error()), COPY_PATIENCE);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
