import { defaultProvider } from '../crypto/probe.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { DEFAULT_SUITE, suites } from '../crypto/suites.js';
import { keyThumbprint } from '../crypto/thumbprints.js';
import { SealMQError } from '../errors.js';
import { systemClock } from '../ports/clock.js';
import { isRegistrationId } from '../protocol/address.js';
import { createAccount } from '../protocol/identity/index.js';
import { assertUserId, registrationId, SALT_BYTES, verificationHash } from '../protocol/registration/hrid.js';
import { LocalAccount } from './local-account.js';
import type { MessengerOptions } from './options.js';
import { ACCOUNT_KEY, readSaved } from './saved-account.js';
import { putRegistration, readRegistration } from './saved-registration.js';
import { openState, type State } from './state.js';
import { type Contact, verificationIdOf } from './verification.js';

/** Whom an anonymous address stands for. Neither leaves this device but for the registration, and there only for the code. */
export type AnonymousIdentity = Contact & {
  /** A name of one's own, of the form of a user name. It is part of the address, but cannot be read off it. */
  readonly userId: string;
};

/** How a messenger with an anonymous address is opened. */
export interface AnonymousOptions extends Omit<MessengerOptions, 'address' | 'identity'> {
  readonly anonymous: AnonymousIdentity;
  /** There is no address yet that a default could be made of. */
  readonly store: NonNullable<MessengerOptions['store']>;
}

/**
 * The address of the anonymous account in a store; where the store holds none yet, of one that is made now. Asks no network.
 *
 * @returns a registration id: `~` and 52 characters
 * @throws `USAGE_INVALID_ARGUMENT` when the store holds an account with a name, or was made for somebody else; `STATE_*`
 */
export async function anonymousAddress(
  options: Pick<AnonymousOptions, 'anonymous' | 'store' | 'passphrase' | 'dataKey' | 'suite' | 'deviceName'> &
    Pick<AnonymousOptions, 'provider' | 'clock'>,
): Promise<string> {
  const provider = options.provider ?? (await defaultProvider());
  const { store } = options;
  const state = await openState({ ...options, address: '' }, provider);
  try {
    return (await existing(state, provider, options.anonymous)) ?? (await create(state, provider, options));
  } finally {
    // A store of the caller's own goes on being used.
    if (typeof store === 'string') await state.store.close();
  }
}

async function existing(
  state: State,
  provider: CryptoProvider,
  { userId, ...contact }: AnonymousIdentity,
): Promise<string | undefined> {
  const bytes = await state.store.get(ACCOUNT_KEY);
  if (!bytes) return undefined;
  const { address } = readSaved(bytes);
  const saved = await readRegistration(state.store);
  if (!isRegistrationId(address) || !saved) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `this store belongs to ${address}`);
  }
  await saved.assertFor(provider, verificationIdOf(contact));
  if (saved.userId === userId) return address;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'this store belongs to another user id');
}

async function create(
  state: State,
  provider: CryptoProvider,
  options: Pick<AnonymousOptions, 'anonymous' | 'suite' | 'deviceName' | 'clock'>,
): Promise<string> {
  const { anonymous, suite: name = DEFAULT_SUITE, clock = systemClock } = options;
  const { userId, ...contact } = anonymous;
  assertUserId(userId);
  const suite = suites.find((each) => each.name === name);
  if (!suite) throw new SealMQError('USAGE_INVALID_ARGUMENT', `unknown suite ${name}`);
  const { extractable } = state.vault;
  const salt = provider.randomBytes(SALT_BYTES);
  const identityKey = await provider.generateKey(suite.signature, extractable);
  const identity = await run(keyThumbprint(provider, identityKey.publicKey));
  const hash = await run(verificationHash(provider, salt, verificationIdOf(contact)));
  const address = await run(registrationId(provider, { identity, userId, verificationHash: hash }));
  // Before the account: without its salt nobody could ever register the address.
  await state.store.batch([putRegistration({ userId, salt, verificationHash: hash })], { sync: true });
  const stream = clock.now();
  const fresh = { ...options, address, identityKey, extractable, now: Math.floor(stream / 1000) };
  const account = await run(createAccount(provider, fresh));
  await LocalAccount.adopt(state, provider, account, { ...fresh, stream });
  return address;
}
