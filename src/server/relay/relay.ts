import { httpKeyDirectory } from '../../adapters/http/http-key-directory.js';
import { mqttTransport } from '../../adapters/mqtt/mqtt-transport.js';
import { toBase64url } from '../../bytes/base64url.js';
import { present } from '../../bytes/fields.js';
import { nativeProvider } from '../../crypto/native.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { systemClock } from '../../ports/clock.js';
import type { Store } from '../../ports/store.js';
import type { Transport } from '../../ports/transport.js';
import { MAX_SEALED_BYTES } from '../../protocol/envelope/profile.js';
import { assertTopicPrefix, DEFAULT_TOPIC_PREFIX } from '../../protocol/envelope/topics.js';
import { type HandInLimits, handInTopic, MAX_RECEIVERS, updateTopic } from '../../protocol/relay/index.js';
import { openDataFolder } from '../data-folder.js';
import { createHandIns } from './hand-ins.js';
import type { Relay, RelayCounts, RelayEvent, RelayOptions } from './options.js';
import { recordLookup } from './records.js';
import { exportRelayKeys, openRelayAccount } from './relay-account.js';
import { relayClock } from './relay-clock.js';
import { createSenders } from './senders.js';
import { createWakeUps } from './wake-ups.js';

export type {
  DropReason,
  PushOptions,
  Relay,
  RelayCounts,
  RelayEvent,
  RelayOptions,
  UnwokenReason,
  WakeLimits,
  WakeRequest,
} from './options.js';
export type { RelayKeysFile } from './relay-account.js';

const LIMITS: HandInLimits = {
  receivers: MAX_RECEIVERS,
  bytes: MAX_SEALED_BYTES,
  copies: { burst: 8192, perSecond: 512 },
};

/** Instances of one relay share the hand-ins, where the broker can do that. */
const SHARE_GROUP = 'sealmq-relay';

const CLIENT_ID_BYTES = 16;

/** What has been opened, to be released in reverse order. */
type Releases = (() => Promise<unknown>)[];

/**
 * Starts a relay: an MQTT client that takes hand-ins and puts a copy of the sealed message into the queue of each receiver.
 * Its {@link Relay.record} has to be published with `keyProvider.publishRelay`, so that senders find its keys.
 *
 * It keeps nothing but its own keys, and where devices can be woken: who hands in keeps the message until it is answered, and the
 * broker keeps the copies.
 *
 * @throws `USAGE_INVALID_ARGUMENT`; `STATE_*` when the folder cannot be opened; `TRANSPORT_REFUSED`, `TRANSPORT_TIMEOUT`
 */
export async function createRelay(options: RelayOptions): Promise<Relay> {
  const releases: Releases = [];
  const close = once(async () => {
    for (const release of releases.splice(0).reverse()) await release();
  });
  try {
    return await start(options, releases, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(options: RelayOptions, releases: Releases, close: () => Promise<void>): Promise<Relay> {
  const { provider = nativeProvider(), clock = systemClock, topicPrefix = DEFAULT_TOPIC_PREFIX } = options;
  assertTopicPrefix(topicPrefix);
  const store = options.store ?? (await openDataFolder(options.data, provider));
  if (!options.store) releases.push(() => store.close());
  const { push } = options;
  const started = Math.floor(clock.now() / 1000);
  const account = await openRelayAccount(store, provider, started, options.keys, push !== undefined);

  const directory = openDirectory(options, provider, store);
  if (directory !== options.directory) releases.push(() => directory.close());
  const time = await relayClock(directory, clock);
  releases.push(async () => time.close());
  const now = () => time.now();
  const records = recordLookup(directory, provider, now);
  const registered = options.registered ?? (async (address: string) => (await records.find(address)) !== undefined);
  const { counts, report } = count(options.log);

  const outgoing = connection(options, provider);
  releases.push(() => outgoing.close());
  const senders = createSenders(provider, records, options.checkInfoOk, () => Math.floor(now() / 1000));
  const answering = { provider, account, outgoing, topicPrefix, report, now, senders };
  const wakeUps = push && (await createWakeUps({ ...answering, vapid: account.vapid, store, records, push }));
  releases.push(async () => wakeUps?.close());
  await outgoing.open(wakeUps ? [updateTopic(topicPrefix)] : [], {
    // Nobody waits for it: what is not answered comes again.
    message: async (_topic, payload) => void wakeUps?.update(payload),
    connection: () => {},
  });
  const work = createHandIns({
    ...{ ...answering, registered, wakes: wakeUps?.wakes, onWake: options.onWake },
    limits: { ...LIMITS, ...options.limits },
  });

  const intake = connection(options, provider, SHARE_GROUP);
  let last: Promise<void> = Promise.resolve();
  releases.push(async () => {
    await intake.close();
    await last;
  });
  await intake.open([handInTopic(topicPrefix)], {
    message(_topic, payload) {
      const done = last.then(() => work(payload));
      last = done.catch(() => {});
      return done;
    },
    connection: () => {},
  });
  return {
    record: account.record.bytes,
    counts,
    exportKeys: (passphrase) => exportRelayKeys(provider, account, passphrase),
    close,
  };
}

/**
 * Hand-ins and copies have a connection each: while a hand-in waits for the acknowledgement of its copies, nothing is read from
 * the connection that it came by.
 */
function connection(options: RelayOptions, provider: CryptoProvider, shareGroup?: string): Transport {
  const { broker, username, password, credentials, tls, connectTimeout } = options;
  return mqttTransport(
    present({
      ...{ broker, username, password, credentials, tls, connectTimeout, shareGroup },
      clientId: toBase64url(provider.randomBytes(CLIENT_ID_BYTES)),
      clean: true,
      // Those that share the work take one hand-in at a time.
      mostInHand: 1,
    }),
  );
}

function openDirectory({ directory, directoryKey }: RelayOptions, provider: CryptoProvider, store: Store) {
  if (typeof directory !== 'string') return directory;
  return httpKeyDirectory(present({ url: directory, provider, store, pin: directoryKey }));
}

function count(log: (event: RelayEvent) => void = () => {}) {
  const handIns = { taken: 0, copies: 0, refused: 0, repeated: 0, dropped: 0, failed: 0 };
  const counts = { ...handIns, updated: 0, pushed: 0, unwoken: 0 };
  const report = (event: RelayEvent) => {
    counts[event.type]++;
    if (event.type === 'taken') counts.copies += event.copies;
    log(event);
  };
  return { counts: counts as RelayCounts, report };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}
