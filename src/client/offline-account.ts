import { defaultProvider } from '../crypto/probe.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { SealMQError } from '../errors.js';
import { systemClock } from '../ports/clock.js';
import { assertAddress } from '../protocol/address.js';
import type { KeyRecord } from '../protocol/identity/index.js';
import { type Contact, openContactList } from './contact-list.js';
import { exportIdentity } from './identity-file.js';
import { LocalAccount } from './local-account.js';
import type { MessengerOptions } from './options.js';
import { ACCOUNT_KEY, readSaved } from './saved-account.js';
import { openState, type State, type StateOptions } from './state.js';

/** An account and its store, open without any network. */
export interface OfflineAccount {
  /** Our record as this device knows it. */
  readonly record: KeyRecord;
  readonly deviceId: string;
  /** Whether the record was seen to stand in the directory. */
  readonly registered: boolean;
  readonly contacts: readonly Contact[];
  /** The identity in a file, as `Messenger.exportIdentity`. @throws `USAGE_NO_IDENTITY_KEY`, `USAGE_INVALID_ARGUMENT` */
  exportIdentity(passphrase: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** How an account is opened without a network. */
export interface OfflineOptions
  extends StateOptions,
    Pick<MessengerOptions, 'suite' | 'deviceName' | 'provider' | 'clock'> {
  /** When the store holds none: make a new one, dated by this machine's clock. Otherwise the answer is `undefined`. */
  readonly create: boolean;
}

/** Opens the account in a store, which is locked until `close`. @throws what opening the state throws */
export async function openOffline(options: OfflineOptions): Promise<OfflineAccount | undefined> {
  assertAddress(options.address);
  const provider = options.provider ?? (await defaultProvider());
  const state = await openState(options, provider);
  try {
    const account = await loadOrCreate(state, provider, options);
    if (account) return await present(state, provider, account);
  } catch (error) {
    await state.store.close();
    throw error;
  }
  await state.store.close();
  return undefined;
}

async function loadOrCreate(
  state: State,
  provider: CryptoProvider,
  options: OfflineOptions,
): Promise<LocalAccount | undefined> {
  const { address, create, clock = systemClock } = options;
  const existing = await LocalAccount.load(state, provider, address);
  if (existing || !create) return existing;
  const milliseconds = clock.now();
  const fresh = { ...options, now: Math.floor(milliseconds / 1000), stream: milliseconds };
  return LocalAccount.create(state, provider, address, fresh);
}

async function present(state: State, provider: CryptoProvider, account: LocalAccount): Promise<OfflineAccount> {
  const saved = await state.store.get(ACCOUNT_KEY);
  if (!saved) throw new SealMQError('STATE_CORRUPT', 'the account has gone from the store');
  return {
    record: account.record,
    deviceId: account.device.id,
    registered: readSaved(saved).registered,
    contacts: (await openContactList(state.store, account.address, {})).all(),
    exportIdentity: (passphrase) => exportIdentity(provider, account, passphrase),
    close: () => state.store.close(),
  };
}
