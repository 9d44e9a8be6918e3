import { toBase64url } from '../bytes/base64url.js';
import { SealMQError } from '../errors.js';
import type { Context } from './context.js';
import type { DurableQueue } from './durable-queue.js';
import type { InboxEntry, QuarantineEntry } from './entries.js';
import type { Arrived, Inbox } from './inbox.js';
import { insist } from './insist.js';
import type { QueueEntry } from './queue-values.js';
import { type Processed, process, type ReceiveState, type Take } from './receive.js';

/** How patient the quarantine is; milliseconds. */
export interface QuarantinePatience {
  /** First pause between two tries; doubles up to a minute. */
  readonly retryAfter: number;
  /** How long a sender or key that the directory does not know may take to appear there. */
  readonly unknownKeys: number;
  /** How long a directory may be away. */
  readonly directory: number;
  /** How long mail waits that was issued more than five minutes from now: by a clock that is wrong here, or there. */
  readonly future: number;
  /** How long mail of somebody whose new identity key is held waits for a decision. */
  readonly decision: number;
}

/** Works off the inbox and the quarantine, one entry at a time, in order. */
export interface Opener {
  /** Tries the quarantine again now. */
  retry(): void;
  /** Stops when the entry at hand is settled. */
  close(): Promise<void>;
}

/** Entries that are read, and whose writes are awaited, together. */
const ROUND = 64;
const LONGEST_PAUSE = 60_000;

/** Starts working. */
export async function startOpener(
  context: Context,
  parts: Omit<ReceiveState, 'heldFor'>,
  patience: QuarantinePatience,
): Promise<Opener> {
  const { inbox } = parts;
  const held = await heldSenders(inbox);
  const state: ReceiveState = { ...parts, heldFor: (from, kid) => held.get(lineOf({ from, kid }))?.reason };
  const ending = new AbortController();
  let closed = false;
  let pause = patience.retryAfter;
  /** Since the opened messages fill their queue. */
  let isStuffed = false;
  let due = held.size > 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const retryLater = () => {
    if (timer || closed || held.size === 0) return;
    timer = setTimeout(retry, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };
  const retry = () => {
    clearTimeout(timer);
    timer = undefined;
    due = true;
    inbox.raw.notify();
  };

  /**
   * Whether the application has taken enough of what is opened already. One sealed message can carry hundreds, so nothing is opened for
   * it any more when its queue is full, until that is half empty.
   */
  const hasRoom = () => {
    if (inbox.opened.full) isStuffed = true;
    else if (inbox.opened.roomy) isStuffed = false;
    return !closed && !isStuffed;
  };

  const openFresh = async (fresh: InboxEntry, take: Take, leave: () => void) => {
    const result = await process(context, state, fresh, take, leave).finally(() => inbox.comeBack());
    if (result === 'settled') return;
    if (inbox.quarantine.full) {
      inbox.drop(take());
      context.events.emit('rejected', { reason: 'quarantine-full', from: result.from });
      return;
    }
    inbox.hold(take(), { ...fresh, ...result });
    hold(held, result, 1);
  };

  const openKept = ({ n, value }: QueueEntry<InboxEntry>) =>
    openFresh(
      value,
      () => [inbox.raw.remove(n)],
      () => inbox.leave(),
    );

  /** Answers whether the message is still to be settled; one that cannot be opened at once is kept as it came. */
  const openArrived = async (arrived: Arrived): Promise<boolean> => {
    let kept: number | undefined;
    const keep = () => {
      kept ??= inbox.keep(arrived);
      inbox.leave();
    };
    const take = () => (kept === undefined ? [] : [inbox.raw.remove(kept)]);
    try {
      await openFresh(arrived.entry, take, keep);
    } catch (error) {
      keep();
      inbox.comeBack();
      throw error;
    }
    return kept === undefined;
  };

  /** Opens what has just come, and acknowledges it when what became of it is durable. */
  const openAllArrived = async (): Promise<number> => {
    const opened: Arrived[] = [];
    let count = 0;
    try {
      while (count < ROUND && hasRoom()) {
        const next = inbox.nextArrived();
        if (!next) break;
        count++;
        if (await openArrived(next)) opened.push(next);
      }
    } finally {
      const durable = opened.length > 0 ? context.tryCommit([]) : Promise.resolve();
      for (const { settle } of opened) settle(durable);
    }
    return count;
  };

  /** An entry that still has to wait keeps the later ones under the same key waiting: order per device. */
  const openHeld = async ({ n, value: quarantined }: QueueEntry<QuarantineEntry>, waiting: Set<string>) => {
    if (waiting.has(lineOf(quarantined))) return;
    const take = () => {
      hold(held, quarantined, -1);
      return [inbox.quarantine.remove(n)];
    };
    const final = isOverdue(quarantined, context.now(), patience);
    const leave = () => inbox.leave();
    const result: Processed = await process(context, state, quarantined, take, leave, { held: true, final }).finally(
      () => inbox.comeBack(),
    );
    if (result === 'settled') {
      pause = patience.retryAfter;
    } else if (final) {
      const error = new SealMQError('DIRECTORY_UNREACHABLE', `gave up: ${result.reason}`);
      inbox.drop(take());
      context.events.emit('rejected', { reason: 'unknown-sender', from: quarantined.from, error });
    } else {
      waiting.add(lineOf(quarantined));
    }
  };

  const tryQuarantine = async () => {
    const waiting = new Set<string>();
    await eachEntry(inbox.quarantine, (entry) => openHeld(entry, waiting));
    due ||= isStuffed;
  };

  const workOnce = async () => {
    const changed = inbox.raw.changed();
    if (due && hasRoom()) {
      due = false;
      await tryQuarantine().catch((error) => {
        due = true;
        throw error;
      });
    }
    const opened = (await eachEntry(inbox.raw, openKept)) + (await openAllArrived());
    retryLater();
    const isPassedOver = isStuffed;
    if (opened > 0) return;
    // What was passed over for want of room is looked at again as soon as there is some.
    if (isStuffed && !hasRoom()) await Promise.race([changed, inbox.changed()]);
    else if (!isPassedOver && !due) await changed;
  };
  /** While the store fails nobody opens mail, and what comes has no one to wait for. */
  const workOrLeave = async () => {
    inbox.comeBack();
    await workOnce().catch((error) => {
      inbox.leave();
      throw error;
    });
  };
  const work = async () => {
    while (!closed) await insist(context, 'cannot open mail', ending.signal, workOrLeave);
  };

  /** Runs `open` over the entries of a queue, and waits for its writes once a round. */
  const eachEntry = async <T>(
    queue: DurableQueue<T>,
    open: (entry: QueueEntry<T>) => Promise<void>,
  ): Promise<number> => {
    let count = 0;
    let cursor = 0;
    for (;;) {
      const entries = await queue.read(cursor, ROUND);
      // Not even for other writes is there anything to wait for: what has come waits for us, and is refused when they fail.
      if (entries.length === 0) return count;
      for (const entry of entries) {
        if (!hasRoom()) return count;
        cursor = entry.n;
        count++;
        await open(entry);
      }
      await context.tryCommit([]);
    }
  };

  // What fails while it closes comes up again at the next start.
  const working = work().catch(() => {});

  return {
    retry,
    async close() {
      closed = true;
      ending.abort();
      clearTimeout(timer);
      inbox.raw.notify();
      await working;
    },
  };
}

/** What keeps its order in the quarantine. A stranger may name anybody, but no key that is not theirs stops another's mail. */
type Line = Pick<QuarantineEntry, 'from' | 'kid'>;

function lineOf({ from, kid }: Line): string {
  return `${from}/${toBase64url(kid)}`;
}

/** What waits of one line: how many entries, and what the first of them waits for. */
interface Waiting {
  readonly count: number;
  readonly reason: string;
}

/** The lines that wait in the quarantine. */
async function heldSenders(inbox: Inbox): Promise<Map<string, Waiting>> {
  const held = new Map<string, Waiting>();
  for await (const { value } of inbox.quarantine.entries()) hold(held, value, 1);
  return held;
}

function hold(held: Map<string, Waiting>, entry: Line & Pick<Waiting, 'reason'>, change: 1 | -1): void {
  const line = lineOf(entry);
  const known = held.get(line);
  const count = (known?.count ?? 0) + change;
  if (count > 0) held.set(line, { count, reason: known?.reason ?? entry.reason });
  else held.delete(line);
}

function isOverdue({ reason, receivedAt }: QuarantineEntry, now: number, patience: QuarantinePatience): boolean {
  return now - receivedAt > patience[patienceFor(reason)];
}

function patienceFor(reason: string): keyof QuarantinePatience {
  if (reason === 'held') return 'decision';
  if (reason === 'from-the-future') return 'future';
  return reason.startsWith('DIRECTORY_') ? 'directory' : 'unknownKeys';
}
