import { asSealMQError, isSealMQError } from '../errors.js';
import { type Context, seconds } from './context.js';
import { tellEveryDevice } from './control.js';
import { createSignal } from './signal.js';

/** Tells those who know us of a new version of our record, and learns of theirs. */
export interface Announcements {
  /** Our record has changed: everybody is told, now or when the connection is back. */
  changed(): void;
  /** A device of `from` has sent the record of its account. */
  learn(from: string, bytes: Uint8Array): Promise<void>;
  /** Resolves when everybody has been told of the present record, as far as the broker has the notices. */
  settled(): Promise<void>;
  connected(up: boolean): void;
  /** Waits at most `patience` milliseconds for notices that are under way; what is left goes out the next time. */
  close(patience: number): Promise<void>;
}

/** Peers that are told between two looks at whether to go on. */
const AT_ONCE = 16;

/**
 * Starts without a connection. A record counts as announced when the broker has the notice for every peer; until then each
 * connection begins anew, which does no harm.
 */
export function createAnnouncements(context: Context): Announcements {
  const { account, keys, events } = context;
  const told = createSignal();
  let up = false;
  let closed = false;
  let working: Promise<void> | undefined;

  const announce = async () => {
    while (up && !closed && account.unannounced) {
      const { version, bytes } = account.record;
      for await (const peers of inGroups(knownPeers(context), AT_ONCE)) {
        if (!up || closed) return;
        await Promise.all(peers.map((peer) => tell(peer, bytes)));
      }
      if (!up || closed) return;
      await account.announced(version);
      told.notify();
    }
  };
  /** A peer whose record is not to be had is not waited for: it asks the directory for ours in its own time. */
  const tell = (peer: string, record: Uint8Array) =>
    tellEveryDevice(context, peer, { kind: 'record', record }, account.oldest(seconds(context)).signKey).catch(
      (error: unknown) => {
        if (!isSealMQError(error) || !error.code.startsWith('DIRECTORY_')) throw error;
        events.emit('warning', error);
      },
    );
  const start = () => {
    working ??= announce()
      .catch((cause) =>
        events.emit('warning', asSealMQError(cause, 'TRANSPORT_CLOSED', 'our record is not announced yet')),
      )
      .finally(() => {
        working = undefined;
      });
  };

  return {
    changed: start,
    async learn(from, bytes) {
      const record = await keys.learn(from, bytes);
      if (!record || from !== account.address) return;
      await account.learn(record);
      // Each device tells those that it knows: the one that changed the record may never have met them.
      start();
    },
    async settled() {
      while (account.unannounced) await told.wait();
    },
    connected(state) {
      up = state;
      if (up) start();
    },
    async close(patience) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patience);
      });
      await Promise.race([working, late]);
      clearTimeout(timer);
      closed = true;
    },
  };
}

/** Our own address, contacts by card, and everybody that we have written to or heard of; some of them twice. */
async function* knownPeers({ account, contacts, store }: Context): AsyncIterable<string> {
  yield account.address;
  // Who exchanged cards with us may have no directory to ask.
  for (const { address, byCard } of contacts.all()) if (byCard) yield address;
  for (const prefix of ['seq/', 'seen/', 'latest/', 'own-state/']) {
    let last: string | undefined;
    const end = `${prefix.slice(0, -1)}0`;
    for await (const [key] of store.iterator({ gte: prefix, lt: end })) {
      const address = key.split('/')[1] as string;
      if (address !== last && address !== account.address) yield address;
      last = address;
    }
  }
}

async function* inGroups<T>(items: AsyncIterable<T>, size: number): AsyncIterable<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
