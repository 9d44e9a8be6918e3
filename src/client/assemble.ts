import { httpKeyDirectory } from '../adapters/http/http-key-directory.js';
import { mqttTransport } from '../adapters/mqtt/mqtt-transport.js';
import { defaultProvider } from '../crypto/probe.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { SealMQError } from '../errors.js';
import { systemClock } from '../ports/clock.js';
import type { KeyDirectory } from '../ports/key-directory.js';
import type { ConnectionState, Transport, TransportHandlers } from '../ports/transport.js';
import { type Family, filterOf } from '../protocol/envelope/topics.js';
import { type Context, seconds } from './context.js';
import { createDelivery, type Delivery } from './delivery.js';
import { createDirectoryClock, type DirectoryClock } from './directory-clock.js';
import { createEvents } from './events.js';
import { importIdentity } from './identity-file.js';
import { Inbox } from './inbox.js';
import { createKeyCache } from './key-cache.js';
import { LocalAccount } from './local-account.js';
import type { MessengerEvents } from './messenger-events.js';
import { type Opener, startOpener } from './opener.js';
import { type MessengerOptions, withDefaults } from './options.js';
import { type Outbox, openOutbox } from './outbox.js';
import { createReceipts, type Receipts } from './receipts.js';
import { receive } from './receive.js';
import type { Receptions } from './reception.js';
import { createRedelivery } from './redelivery.js';
import { createRequests, type Requests } from './requests.js';
import { createSeen } from './seen.js';
import { createSendCounters, type SendCounters } from './send-counters.js';
import { openSentBox, type SentBox } from './sent-box.js';
import { settleControl } from './settle-control.js';
import { settleMessage } from './settle-message.js';
import { openState, type State } from './state.js';
import { createTracking, type Tracking } from './tracking.js';

/** The running parts of one messenger. */
export interface Parts {
  readonly context: Context;
  readonly clock: DirectoryClock;
  readonly outbox: Outbox;
  readonly counters: SendCounters;
  readonly tracking: Tracking;
  readonly sentBox: SentBox;
  readonly inbox: Inbox;
  readonly delivery: Delivery;
  readonly requests: Requests;
  connection(): ConnectionState['state'];
  /** Stops everything in the right order; what is in flight gets `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

type Settings = ReturnType<typeof withDefaults>;

/** What must be released again, in reverse order, however far opening came. */
type Releases = (() => Promise<unknown> | unknown)[];

/** Opens state, account, directory, queues and connection, in this order. @throws as `Messenger.open` */
export async function assemble(options: MessengerOptions): Promise<Parts> {
  const settings = withDefaults(options);
  const releases: Releases = [];
  try {
    return await assembleWith(settings, releases);
  } catch (error) {
    for (const release of releases.reverse()) await Promise.resolve(release()).catch(() => {});
    throw error;
  }
}

async function assembleWith(settings: Settings, releases: Releases): Promise<Parts> {
  const provider = settings.provider ?? (await defaultProvider());
  const events = createEvents<MessengerEvents>();
  const state = await openState(settings, provider);
  releases.push(() => state.store.close());

  const machineClock = settings.clock ?? systemClock;
  const directory = openDirectory(settings, state, provider);
  if (directory !== settings.directory) releases.push(() => directory.close());
  const clock = createDirectoryClock(directory, machineClock, (error) => events.emit('warning', error));
  releases.push(() => clock.close());
  const keys = createKeyCache({
    ...settings.keyCache,
    ...{ directory, provider, store: state.store },
    ...(settings.clock && { clock: settings.clock }),
    onEvent: (name, event) => events.emit(name, event as never),
  });
  releases.push(() => keys.close());

  const account = await openAccount(settings, state, provider, clock);
  const { topicPrefix, padding, maxPayloadBytes, maxSealedBytes } = settings;
  const context: Context = {
    ...{ provider, account, keys, store: state.store, events, topicPrefix, padding, maxPayloadBytes, maxSealedBytes },
    receipts: settings.receipts,
    commit: (operations) => state.store.batch([...operations], { sync: settings.durable === 'fsync' }),
    transport: await openTransport(settings, account, state),
    now: () => clock.now(),
  };
  return connectParts(context, settings, clock, releases);
}

/** The queues and their workers, joined to the connection. */
async function connectParts(
  context: Context,
  settings: Settings,
  clock: DirectoryClock,
  releases: Releases,
): Promise<Parts> {
  const { transport, account, events } = context;
  const sending = await openSending(context, settings);
  const { outbox, redelivery, tracking } = sending;
  const inbox = await Inbox.open(context, settings.limits);
  const seen = createSeen(context.store);
  const receipts = createReceipts(context, seen, settings.timing);
  const requests = createRequests();
  const onArrival = settings.receipts ? receipts.note : () => {};
  const receptions: Receptions = {
    message: settleMessage(context, { seen, onArrival, onMessage: requests.take }),
    control: settleControl(context, seen, redelivery),
  };
  const reception = { inbox, receptions };
  const opener = await startOpener(context, reception, settings.quarantine);
  const valve = createValve(transport, inbox);
  const delivery = createDelivery(context, inbox);
  let closing = 0;
  releases.push(async () => {
    await outbox.close(closing);
    redelivery.close();
    await receipts.close();
    await transport.close();
    tracking.close();
    requests.close();
    await opener.close();
    await delivery.close();
  });

  let connection: ConnectionState['state'] = 'disconnected';
  const handlers: TransportHandlers = {
    async message(topic, payload) {
      valve.admit();
      await receive(context, reception, topic, payload);
    },
    connection(change) {
      connection = change.state;
      const up = change.state === 'connected';
      for (const part of [outbox, receipts, redelivery]) part.connected(up);
      if (up) {
        context.keys.forgetFailures();
        onConnected(clock, opener, settings.receipts ? receipts : undefined);
      }
      events.emit('connection', change);
    },
  };
  const families = Object.keys(receptions) as Family[];
  const filters = families.map((family) => filterOf(context.topicPrefix, account.address, family));
  const opened = transport.open(filters, handlers);
  if (settings.connect === 'wait') await opened;
  else opened.catch((error) => events.emit('warning', error));

  return {
    ...{ ...sending, context, clock, inbox, delivery, requests },
    connection: () => connection,
    async close(patience) {
      closing = patience;
      for (const release of releases.reverse()) await release();
    },
  };
}

function onConnected(clock: DirectoryClock, opener: Opener, receipts: Receipts | undefined): void {
  void clock.refresh();
  opener.retry();
  void receipts?.noteAll();
}

/** Outbox, sent box and what joins them. */
async function openSending(context: Context, settings: Settings) {
  const counters = createSendCounters(context.store);
  const tracking = createTracking();
  const sentBox = await openSentBox(context);
  const outbox = await openOutbox(context, sentBox, tracking, settings.limits.outbox);
  const { republishAfter } = settings.timing;
  const parts = { sentBox, counters, tracking, republishAfter, isPending: outbox.isPending };
  return { counters, tracking, sentBox, outbox, redelivery: createRedelivery(context, parts) };
}

/** Stops the flow from the broker, with the session kept, while the inbox is full. */
function createValve(transport: Transport, inbox: Inbox) {
  let closed = false;
  const drain = async () => {
    closed = true;
    await transport.pause();
    while (!inbox.roomy) await inbox.changed();
    closed = false;
    transport.resume();
  };
  return {
    /** @throws `STATE_FULL`: what comes until the connection is down is not acknowledged, so the broker keeps it */
    admit() {
      if (!inbox.full) return;
      if (!closed) void drain();
      throw new SealMQError('STATE_FULL', 'the inbox is full');
    },
  };
}

function openDirectory(settings: Settings, { store }: State, provider: CryptoProvider): KeyDirectory {
  const { directory, directoryKey, clock } = settings;
  if (typeof directory !== 'string') return directory;
  return httpKeyDirectory({
    ...{ url: directory, store, provider },
    ...(directoryKey !== undefined && { pin: directoryKey }),
    ...(clock && { clock }),
  });
}

async function openAccount(
  settings: Settings,
  state: State,
  provider: CryptoProvider,
  clock: DirectoryClock,
): Promise<LocalAccount> {
  const { address, identity } = settings;
  const existing = await LocalAccount.load(state, provider, address);
  if (existing) return existing;
  // Directory time dates the keys and names the stream; without a directory this machine's own has to do.
  await clock.refresh();
  const fresh = { ...settings, now: seconds(clock), stream: clock.now() };
  if (!identity) return LocalAccount.create(state, provider, address, fresh);
  const account = await importIdentity(provider, identity, { ...settings, extractable: state.vault.extractable });
  if (account.record.address === address) return LocalAccount.adopt(state, provider, account, fresh);
  throw new SealMQError(
    'USAGE_INVALID_ARGUMENT',
    `the identity file belongs to ${account.record.address}, not to ${address}`,
  );
}

/** Which MQTT version the broker speaks is remembered: with one that only knows 3.1.1, asking for 5 costs an attempt. */
const VERSION_KEY = 'mqtt-version';

async function openTransport(settings: Settings, account: LocalAccount, { store }: State): Promise<Transport> {
  const { broker } = settings;
  if (isTransport(broker)) return broker;
  const [remembered] = (await store.get(VERSION_KEY)) ?? [];
  return mqttTransport({
    ...settings,
    broker,
    clientId: account.clientId,
    ...((remembered === 4 || remembered === 5) && { protocolVersion: remembered }),
    onProtocolVersion: (version) =>
      void store.batch([{ type: 'put', key: VERSION_KEY, value: Uint8Array.of(version) }]).catch(() => {}),
  });
}

function isTransport(broker: Settings['broker']): broker is Transport {
  return typeof broker === 'object' && 'open' in broker && 'pause' in broker && 'resume' in broker;
}
