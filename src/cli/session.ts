import { existsSync } from 'node:fs';
import { present } from '../bytes/fields.js';
import type { Messenger } from '../client/messenger.js';
import type { OfflineAccount, OfflineOptions } from '../client/offline-account.js';
import type { MessengerOptions } from '../client/options.js';
import { SealMQError } from '../errors.js';
import { CommandFailure } from './failure.js';
import { aborted } from './interruption.js';
import type { Output } from './output.js';
import { brokerPassword, withPassphrase } from './secrets.js';
import { accountPlace, type Settings } from './settings.js';

/** What every command gets. */
export interface Program {
  readonly output: Output;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** An account that was looked at and closed again, and what opens it. */
export interface Place {
  readonly address: string;
  readonly store: string;
  readonly passphrase?: string;
  /** Absent when the store holds no account yet. */
  readonly account?: Pick<OfflineAccount, 'registered' | 'deviceId' | 'record'>;
}

/** How long the broker may take before the person who waits is told, in milliseconds. */
const SILENCE = 2000;

/**
 * Works on an account without any network, and closes it.
 *
 * @param create - makes the account when there is none
 * @throws `STATE_NO_ACCOUNT` when there is none
 */
export async function withOffline<T>(
  { signal }: Program,
  settings: Settings,
  options: Omit<OfflineOptions, 'address' | 'store' | 'passphrase'>,
  work: (account: OfflineAccount) => Promise<T>,
): Promise<T> {
  // Loaded when it is needed: `--help` need not wait for it.
  const { openOffline } = await import('../client/offline-account.js');
  const { address, store } = accountPlace(settings);
  if (!options.create && !existsSync(store)) throw noAccount(address, store);
  const account = await withPassphrase(settings, signal, (passphrase) =>
    openOffline({ ...options, ...present({ address, store, passphrase }) }),
  );
  if (!account) throw noAccount(address, store);
  try {
    return await work(account);
  } finally {
    await account.close();
  }
}

/** Looks at the account before it is opened with its network. */
export async function findAccount({ signal }: Program, settings: Settings): Promise<Place> {
  const { openOffline } = await import('../client/offline-account.js');
  const { address, store } = accountPlace(settings);
  return withPassphrase(settings, signal, async (passphrase) => {
    const offline = existsSync(store)
      ? await openOffline({ ...present({ address, store, passphrase }), create: false })
      : undefined;
    await offline?.close();
    return present({ address, store, passphrase, account: offline });
  });
}

/** @throws `STATE_NO_ACCOUNT` unless there is an account or `mayMake` says that one is to be made */
export async function findOrMakeAccount(program: Program, settings: Settings, mayMake: boolean): Promise<Place> {
  const place = await findAccount(program, settings);
  if (!place.account && !mayMake) throw noAccount(place.address, place.store);
  if (!place.account) program.output.note(`making keys for ${place.address} in ${place.store}`);
  return place;
}

/** Opens the messenger of `place`, does `work`, and closes it, whatever happens. @throws `INTERRUPTED` by a signal */
export async function withMessenger<T>(
  program: Program,
  settings: Settings,
  place: Place,
  options: Partial<MessengerOptions>,
  work: (messenger: Messenger) => Promise<T>,
): Promise<T> {
  const { Messenger } = await import('../client/messenger.js');
  const opening = Messenger.open({ ...(await connectionOf(settings, place)), ...options });
  const messenger = await patiently(program, settings, opening);
  tellTrouble(program, messenger);
  try {
    return await work(messenger);
  } finally {
    await messenger.close();
  }
}

/** What every messenger of `place` is opened with. */
export async function connectionOf(settings: Settings, { address, store, passphrase }: Place) {
  const [broker = '', directory = ''] = [settings.get('broker'), settings.get('directory')];
  const credentials = { username: settings.get('username'), password: await brokerPassword(settings) };
  return {
    ...{ address, store, broker, directory },
    ...present({ passphrase, ...credentials, directoryKey: settings.get('directory-key') }),
  };
}

/** What `opening` resolves to; says so when that takes long. @throws `INTERRUPTED` */
export function patiently<T>(program: Program, settings: Settings, opening: Promise<T>): Promise<T> {
  const hosts = [settings.get('broker'), settings.get('directory')].map((url = '') => hostOf(url));
  const waiting = `no answer yet from ${hosts.join(' or ')}, waiting`;
  const impatience = setTimeout(() => program.output.note(waiting), SILENCE);
  return unlessInterrupted(program, opening).finally(() => clearTimeout(impatience));
}

/** What `promise` resolves to. @throws `INTERRUPTED` when a signal comes first */
export function unlessInterrupted<T>({ signal }: Program, promise: Promise<T>): Promise<T> {
  const interrupted = aborted(signal).then(() => {
    throw new CommandFailure('INTERRUPTED', 'interrupted');
  });
  // Whichever loses is of no interest any more.
  promise.catch(() => {});
  interrupted.catch(() => {});
  return Promise.race([promise, interrupted]);
}

/** Says what people should know, and the rest with `--verbose`. */
function tellTrouble({ output }: Program, messenger: Messenger): void {
  messenger.on('keyChanged', ({ address, vouched, held, dropped }) => {
    if (dropped.length > 0) return output.note(`warning: ${address} no longer speaks ${dropped.join(', ')}`);
    const by = vouched ? 'vouched for by the old one' : 'NOT vouched for by the old one';
    output.note(`warning: ${address} has another identity key, ${by}${held ? '; held' : ''}`);
  });
  messenger.on('devicesChanged', ({ address, added, removed }) => {
    for (const { id, name } of added) output.detail(`${address} has a new device ${id}${name ? ` "${name}"` : ''}`);
    for (const { id, name } of removed) output.detail(`${address} gave up the device ${id}${name ? ` "${name}"` : ''}`);
  });
  messenger.on('rollbackRefused', ({ address }) =>
    output.note(`warning: the directory offered an old key of ${address}`),
  );
  messenger.on('cardConflict', ({ address, source }) =>
    output.note(
      `warning: ${source === 'directory' ? 'the directory has' : 'you know'} another key of ${address} than the card`,
    ),
  );
  messenger.on('conflict', ({ address }) =>
    output.note(`warning: there are two contradicting key records of ${address}`),
  );
  messenger.on('rejected', ({ reason, from }) =>
    output.detail(`rejected a message: ${reason}${from ? `, from ${from}` : ''}`),
  );
  messenger.on('connection', ({ state, reason }) => output.detail(`${state}${reason ? `: ${reason}` : ''}`));
  messenger.on('warning', ({ code, message }) => output.detail(`warning: ${message} [${code}]`));
}

function noAccount(address: string, store: string): SealMQError {
  return new SealMQError('STATE_NO_ACCOUNT', `no keys of ${address} in ${store}: \`sealmq register\` makes them`);
}

/** A URL may hold a password. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
