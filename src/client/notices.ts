import { toBase64url } from '../bytes/base64url.js';
import { asSealMQError, SealMQError } from '../errors.js';
import type { Notice } from '../protocol/directory/admission.js';
import type { Context } from './context.js';
import type { InboxEntry, OutboxEntry } from './entries.js';
import type { SentBox, SentEntry } from './sent-box.js';
import { sentKey, type Tracking } from './tracking.js';

/** What becomes of messages of which the broker says that their receiver is not registered: they are given up. */
export interface Notices {
  /** Acts on a notice of the broker. Nothing of it is to be tried again: a message that goes out again has another. */
  hear(bytes: Uint8Array): Promise<void>;
  /** The broker has acknowledged a message: it may have said already that it goes nowhere. */
  acknowledged(entry: OutboxEntry): Promise<void>;
}

/** Messages of which the word came before their acknowledgement. */
const MAX_EARLY = 1024;

/** A bare COSE_Sign1 (tag 18, an array of four), unlike what is sealed. */
const FIRST_BYTES = [0xd2, 0x84];

/** Whether what came is a broker's notice. */
export function isNotice({ family, sealed }: Pick<InboxEntry, 'family' | 'sealed'>): boolean {
  return family === 'control' && FIRST_BYTES.every((byte, i) => sealed[i] === byte);
}

/** Looks for the messages in `sentBox`. */
export function createNotices(context: Context, sentBox: SentBox, tracking: Tracking): Notices {
  const { provider, account, events } = context;
  const early = new Set<string>();
  const hashes = new WeakMap<SentEntry, string>();

  const nameOf = async (sealed: Uint8Array) => toBase64url(await provider.sha256(sealed));

  /** The sealed bytes of an entry do not change, so they are read once. */
  async function hashOf(entry: SentEntry): Promise<string | undefined> {
    const known = hashes.get(entry);
    if (known !== undefined) return known;
    const stored = await sentBox.load(entry);
    const hash = stored && (await nameOf(stored.sealed));
    if (hash !== undefined) hashes.set(entry, hash);
    return hash;
  }

  async function find(to: string, hash: string): Promise<OutboxEntry | undefined> {
    for (const entry of sentBox.all(to)) if ((await hashOf(entry)) === hash) return sentBox.load(entry);
    return undefined;
  }

  async function giveUp({ to, stream, seq, id, ids = [id] }: OutboxEntry): Promise<void> {
    const kept = sentBox.find(to, stream, seq);
    if (kept) await sentBox.forget(kept);
    const error = new SealMQError('TRANSPORT_UNREGISTERED', `the broker says that nobody is registered as ${to}`);
    tracking.failed(sentKey(to, stream, seq), error);
    for (const each of ids) events.emit('undeliverable', { to, id: toBase64url(each), error });
  }

  function remember(hash: string): void {
    early.add(hash);
    const [oldest] = early;
    if (early.size > MAX_EARLY && oldest !== undefined) early.delete(oldest);
  }

  async function act({ address, unregistered, message }: Notice): Promise<void> {
    if (address !== account.address) return;
    const hash = toBase64url(message);
    const stored = await find(unregistered, hash);
    if (stored) await giveUp(stored);
    else remember(hash);
  }

  return {
    async hear(bytes) {
      try {
        const said = await context.readNotice?.(bytes);
        if (said) await act(said);
      } catch (cause) {
        events.emit('warning', asSealMQError(cause, 'DIRECTORY_BAD_ANSWER', 'a notice that is none'));
      }
    },
    async acknowledged(entry) {
      if (early.size > 0 && early.delete(await nameOf(entry.sealed))) await giveUp(entry);
    },
  };
}
