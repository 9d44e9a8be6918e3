import { LRUCache } from 'lru-cache';
import { run } from '../../crypto/steps.js';
import { isSealMQError } from '../../errors.js';
import {
  HAND_IN_WINDOW,
  type OpenedUpdate,
  openUpdate,
  type RelayAnswer,
  type Update,
  type UpdateRefusal,
  verifyUpdate,
} from '../../protocol/relay/index.js';
import { type TokenBucket, type TokenRate, takeToken } from '../../protocol/token-bucket.js';
import { type AnswerParts, answer } from './answer.js';
import type { DropReason, RelayEvent } from './options.js';
import { endpointUrl, hasKey } from './push/endpoint.js';
import type { Sender, Senders } from './senders.js';
import type { Subscriptions } from './subscriptions.js';
import type { Wakes } from './wakes.js';

/** What works off updates. */
export interface UpdateParts extends AnswerParts {
  readonly senders: Senders;
  readonly subscriptions: Subscriptions;
  readonly wakes: Pick<Wakes, 'heard'>;
  /** Hosts of push services. */
  readonly hosts: readonly string[];
  readonly report: (event: RelayEvent) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Updates that are worked off at a time; what comes beyond that is sent again. */
const MAX_AT_A_TIME = 64;

/** Senders whose updates are counted. */
const MAX_SENDERS = 10_000;

/** Updates of one sender, dials heard included; and how often a sender hears that it was too many. */
const RATE: TokenRate = { burst: 32, perSecond: 1 };
const REFUSALS: TokenRate = { burst: 10, perSecond: 1 };

/** Works off updates side by side; never rejects. */
export function createUpdates(parts: UpdateParts): (bytes: Uint8Array) => Promise<void> {
  const { provider, account, senders, report, now } = parts;
  const keys = { sealKeys: [account.device.sealKey], identity: account.record.identity };
  const counted = new LRUCache<string, { updates: TokenBucket; refusals?: TokenBucket }>({ max: MAX_SENDERS });
  let working = 0;
  const drop = (reason: DropReason) => report({ type: 'dropped', reason });

  /** How many seconds a sender is to wait, 0 when it may go on; `undefined` when that was said often enough. */
  const waitOf = (address: string): number | undefined => {
    const before = counted.get(address);
    const { bucket, wait } = takeToken(before?.updates, RATE, now());
    if (wait === 0) {
      counted.set(address, { ...before, updates: bucket });
      return 0;
    }
    const refusal = takeToken(before?.refusals, REFUSALS, now());
    counted.set(address, { updates: bucket, refusals: refusal.bucket });
    return refusal.wait > 0 ? undefined : Math.ceil(wait / 1000);
  };

  async function work(update: OpenedUpdate): Promise<void> {
    const sender = await senders.find(update);
    if ('refused' in sender) return drop(sender.refused);
    if (!(await run(verifyUpdate(provider, sender.device.signKey, update)))) return drop('forged');
    const { content } = update;
    const wait = waitOf(sender.address);
    if (wait === undefined) return drop('repeated');
    const refused = wait > 0 ? ('rate-limited' as const) : await take(parts, sender, content);
    if (content.type === 'heard') return;
    report(refused ? { type: 'refused', reason: refused } : { type: 'updated' });
    const given: RelayAnswer = { nonce: content.nonce, now: Math.floor(now()), refused: new Map() };
    const why = refused && { refusal: refused, ...(wait > 0 && { retryAfter: wait }) };
    await answer(parts, sender, { ...given, ...why });
  }

  return async (bytes) => {
    if (working >= MAX_AT_A_TIME) return;
    working++;
    try {
      const outcome = await run(openUpdate(provider, bytes, keys));
      if (outcome.kind === 'opened') await work(outcome.update);
      else drop(outcome.kind);
    } catch (error) {
      // Nobody is answered, and so the sender tries again.
      if (isSealMQError(error) && error.code.startsWith('DIRECTORY_')) drop('directory-unreachable');
      else report({ type: 'failed', error });
    } finally {
      working--;
    }
  };
}

/** Acts on what a device has said. @throws `STATE_*` when it cannot be kept */
async function take(
  { subscriptions, wakes, hosts, now }: UpdateParts,
  { address, device }: Sender,
  update: Update,
): Promise<UpdateRefusal | undefined> {
  if (update.type === 'heard') {
    const isTimely = Math.abs(update.issuedAt - now() / 1000) <= HAND_IN_WINDOW;
    if (isTimely) wakes.heard(address, device.id, update.message);
    return undefined;
  }
  const { subscription, number, nonce, issuedAt } = update;
  if (subscription && !(endpointUrl(subscription.endpoint, hosts) && hasKey(subscription))) return 'bad-subscription';
  const content = { number, nonce, issuedAt, ...(subscription && { subscription }) };
  const verdict = await subscriptions.update({ address, device: device.id, ...content });
  return verdict === 'take' || verdict === 'repeat' ? undefined : verdict;
}
