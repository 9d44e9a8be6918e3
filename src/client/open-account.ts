import { present } from '../bytes/fields.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { DEFAULT_SUITE } from '../crypto/suites.js';
import { SealMQError } from '../errors.js';
import { generateDeviceKeys, type KeyRecord, readCard } from '../protocol/identity/index.js';
import { seconds } from './context.js';
import type { DirectoryClock } from './directory-clock.js';
import { importIdentity } from './identity-file.js';
import type { KeyCache } from './key-cache.js';
import { LocalAccount } from './local-account.js';
import type { Settings } from './options.js';
import type { State } from './state.js';

/** What an account is opened with. */
export interface Opening {
  readonly settings: Settings;
  readonly state: State;
  readonly provider: CryptoProvider;
  readonly clock: DirectoryClock;
}

/** The account of the store; where there is none, a new or imported one. @throws `STATE_NOT_LINKED`, and as `Messenger.open` */
export async function openAccount({ settings, state, provider, clock }: Opening): Promise<LocalAccount> {
  const { address, identity } = settings;
  const existing = await LocalAccount.load(state, provider, address);
  if (existing?.linking) throw new SealMQError('STATE_NOT_LINKED', 'this device of the account was never linked');
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

/**
 * An account without identity key for a device that is to be linked: its record is what the directory answers, until the
 * device is welcomed. A device that was never welcomed keeps its keys, so that an entry which was made for it holds.
 *
 * @throws `DIRECTORY_NOT_FOUND` and other `DIRECTORY_` codes; `USAGE_INVALID_ARGUMENT` when the store holds a device already
 */
export async function openLinkingAccount(opening: Opening, keys: KeyCache): Promise<LocalAccount> {
  const { settings, state, provider, clock } = opening;
  const { address, suite = DEFAULT_SUITE } = settings;
  const existing = await LocalAccount.load(state, provider, address);
  if (existing && !existing.linking) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `this store holds a device of ${address} already`);
  }
  await clock.refresh();
  const record = settings.card
    ? await byCard(opening, keys, settings.card)
    : await keys.record(address, { refresh: true });
  if (!record) throw new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${address}`);
  if (existing) {
    await existing.learn(record);
    return existing;
  }
  const device = await run(generateDeviceKeys(provider, suite, { extractable: state.vault.extractable }));
  const fresh = { ...settings, now: seconds(clock), stream: clock.now() };
  return LocalAccount.adopt(state, provider, { device, record }, fresh);
}

/** The record on a card of the account. @throws as `readCard`; `USAGE_INVALID_ARGUMENT` for somebody else's */
async function byCard({ settings, provider, clock }: Opening, keys: KeyCache, text: string): Promise<KeyRecord> {
  const { address, identity, record } = await run(readCard(provider, text, seconds(clock)));
  if (address === settings.address) return keys.meet(present({ address, identity, record }));
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `the card is that of ${address}, not of ${settings.address}`);
}
