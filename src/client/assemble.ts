import { httpKeyDirectory } from '../adapters/http/http-key-directory.js';
import { mqttTransport } from '../adapters/mqtt/mqtt-transport.js';
import { insistentStore } from '../adapters/store/insistent-store.js';
import { defaultProvider } from '../crypto/probe.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { systemClock } from '../ports/clock.js';
import type { KeyDirectory } from '../ports/key-directory.js';
import type { Transport } from '../ports/transport.js';
import { RELAY_ADDRESS } from '../protocol/address.js';
import { type AdmissionParts, type BrokerAdmission, createAdmission } from './admission.js';
import { type AnonymousOptions, anonymousAddress } from './anonymous-account.js';
import { anObject, assertArgument } from './arguments.js';
import { connectParts, type Parts, type Releases } from './connect.js';
import { openContactList } from './contact-list.js';
import type { Context } from './context.js';
import { createDirectoryClock } from './directory-clock.js';
import { createEchoes } from './echoes.js';
import { createEvents } from './events.js';
import { createKeyCache } from './key-cache.js';
import { createLinks } from './links.js';
import type { LocalAccount } from './local-account.js';
import type { MessengerEvents } from './messenger-events.js';
import { openAccount, openLinkingAccount } from './open-account.js';
import { type LinkDeviceOptions, type MessengerOptions, type Settings, withDefaults } from './options.js';
import { createPatience } from './patience.js';
import { openRegistrationDesk } from './registration.js';
import { openState, type State } from './state.js';

/**
 * Opens state, account, directory, queues and connection, in this order.
 *
 * @param linking - the device of the account is to be linked: it is new, or was never welcomed
 * @throws as `Messenger.open`, with `linking` as `Messenger.link`
 */
export async function assemble(
  options: (MessengerOptions & Pick<LinkDeviceOptions, 'card'>) | AnonymousOptions,
  linking = false,
): Promise<Parts> {
  assertArgument(options, anObject, 'what is opened');
  const settings = withDefaults(
    'anonymous' in options ? { ...options, address: await anonymousAddress(options) } : options,
  );
  const releases: Releases = [];
  try {
    return await assembleWith(settings, releases, linking);
  } catch (error) {
    const patience = createPatience(0);
    for (const release of releases.reverse()) await Promise.resolve(release(patience)).catch(() => {});
    throw error;
  }
}

async function assembleWith(settings: Settings, releases: Releases, linking: boolean): Promise<Parts> {
  const provider = settings.provider ?? (await defaultProvider());
  // Nobody can listen before it is open; that it is connected by then goes without saying.
  const events = createEvents<MessengerEvents>(['connection']);
  const state = await openState(settings, provider);
  const store = insistentStore(state.store, (error) => events.emit('warning', error));
  releases.push(() => store.close());

  const machineClock = settings.clock ?? systemClock;
  const directory = openDirectory(settings, state, provider);
  if (directory !== settings.directory) releases.push(() => directory.close());
  const clock = createDirectoryClock(directory, machineClock, (error) => events.emit('warning', error));
  releases.push(() => clock.close());
  const contacts = await openContactList(state.store, settings.address, settings);
  const keys = createKeyCache({
    ...settings.keyCache,
    ...{ directory, provider, store: state.store },
    ...(settings.clock && { clock: settings.clock }),
    // Whose keys the relay's are is the directory's word in any case.
    onIdentityChange: async (change) => (change.address === RELAY_ADDRESS ? 'accept' : contacts.meetIdentity(change)),
    onEvent: (name, event) => events.emit(name, event as never),
  });
  releases.push((patience) => patience.wait(keys.close()));

  const opening = { settings, state, provider, clock };
  const account = await (linking ? openLinkingAccount(opening, keys) : openAccount(opening));
  const registration = await openRegistrationDesk({
    ...{ provider, account, keys, events, store: state.store, registrar: directory.registrar },
    now: () => clock.now(),
  });
  releases.push((patience) => patience.wait(registration.close()));
  const admission = await openAdmission(settings, account, {
    ...{ directory, provider, store },
    infoOk: registration.infoOk,
  });
  const { topicPrefix, padding, maxPayloadBytes, maxSealedBytes } = settings;
  const durability = { sync: settings.durable === 'fsync' };
  const context: Context = {
    ...{ provider, account, keys, contacts, store, events },
    ...{ topicPrefix, padding, maxPayloadBytes, maxSealedBytes },
    ...{ awaitReceipts: settings.awaitReceipts, via: settings.via },
    ...{ copies: settings.copies, echoes: createEchoes(), links: createLinks() },
    commit: (operations) => store.insist([...operations], durability),
    tryCommit: (operations) => store.batch([...operations], durability),
    registration,
    readNotice: directory.tokens?.readNotice,
    ...{ admission, transport: await openTransport(settings, account, state, admission) },
    now: () => clock.now(),
    settled: () => clock.settled(),
  };
  return connectParts(context, settings, clock, releases);
}

function openDirectory(settings: Settings, { store }: State, provider: CryptoProvider): KeyDirectory {
  const { directory, directoryKey, clock, tls } = settings;
  if (typeof directory !== 'string') return directory;
  return httpKeyDirectory({
    ...{ url: directory, store, provider },
    ...(directoryKey !== undefined && { pin: directoryKey }),
    ...(clock && { clock }),
    ...(tls?.ca !== undefined && { ca: tls.ca }),
  });
}

/** Which MQTT version the broker speaks is remembered: with one that only knows 3.1.1, asking for 5 costs an attempt. */
const VERSION_KEY = 'mqtt-version';

/** Whoever brings a connection or credentials of their own decides by themselves how the broker lets them in. */
async function openAdmission(
  { broker, username, password, credentials }: Settings,
  account: LocalAccount,
  { directory, ...parts }: { directory: KeyDirectory } & Omit<AdmissionParts, 'tokens' | 'account'>,
): Promise<BrokerAdmission | undefined> {
  const isTheirs = isTransport(broker) || (typeof broker === 'object' && 'on' in broker);
  const hasSome = username !== undefined || password !== undefined || credentials !== undefined;
  const { tokens } = directory;
  return tokens && !isTheirs && !hasSome ? createAdmission({ tokens, account, ...parts }) : undefined;
}

async function openTransport(
  settings: Settings,
  account: LocalAccount,
  { store }: State,
  admission: BrokerAdmission | undefined,
): Promise<Transport> {
  const { broker } = settings;
  if (isTransport(broker)) return broker;
  const [remembered] = (await store.get(VERSION_KEY)) ?? [];
  return mqttTransport({
    ...settings,
    broker,
    clientId: account.clientId,
    ...(admission && { credentials: admission.credentials }),
    ...((remembered === 4 || remembered === 5) && { protocolVersion: remembered }),
    onProtocolVersion: (version) =>
      void store.batch([{ type: 'put', key: VERSION_KEY, value: Uint8Array.of(version) }]).catch(() => {}),
  });
}

function isTransport(broker: Settings['broker']): broker is Transport {
  return typeof broker === 'object' && 'open' in broker && 'pause' in broker && 'resume' in broker;
}
