import { fileDataKey } from '../../adapters/store/data-key-file.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import type { Store } from '../../ports/store.js';
import { assertDigits } from '../../protocol/registration/challenge.js';
import type { StatementKind } from '../../protocol/statement.js';
import { anonymousBook, type Book, type NamedRecords, namedBook } from './book.js';
import { filterFiles } from './filter-file.js';
import { type RegistrationKeys, registrationKeys } from './keys.js';
import { createLimits } from './limits.js';
import type { RegistrationOptions } from './options.js';
import { type Owners, openOwners } from './owners.js';
import { createPendingTable } from './pending.js';
import { openRegisteredIds } from './registered-ids.js';
import { createRegistrations, type Registrations } from './registrations.js';
import { createDispatch } from './sender.js';

/** What a registration service takes from the directory that it is part of. */
export interface Surroundings {
  readonly store: Store;
  /** Of the database; absent where everything is in memory or in a store of the caller's. */
  readonly folder: string | undefined;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly records: NamedRecords;
  readonly sign: <T>(kind: StatementKind<T>, content: T) => Promise<Uint8Array>;
  /** The directory's keys of the last so many seconds. */
  readonly publicKeys: (seconds: number) => Promise<readonly PublicKey[]>;
  readonly report: (error: unknown) => void;
}

const DAY = 24 * 3600;
const DEFAULT_DIGITS = 8;
const DEFAULT_FILTER = { capacity: 1_000_000, falsePositives: 1e-6, generation: 365 * DAY };
const KEY_BYTES = 32;

/** Life of an Info OK in seconds. */
export const DEFAULT_INFO_OK_LIFE = 90 * DAY;

/**
 * Opens a registration service.
 *
 * @throws `USAGE_INVALID_ARGUMENT`; `STATE_CORRUPT` when file and copy of the filter are damaged
 */
export async function openRegistrations(options: RegistrationOptions, around: Surroundings): Promise<Registrations> {
  const { store, provider, clock, report } = around;
  const { mode, digits = DEFAULT_DIGITS, infoOkLife: life = DEFAULT_INFO_OK_LIFE } = options;
  assertDigits(digits);
  const now = () => Math.floor(clock.now() / 1000);
  const limits = createLimits(options.limits ?? {}, () => clock.now());
  const keys = await registrationKeys(provider, await secretOf(options, around));
  const owners = openOwners(store, options.perVerificationId ?? 1, mode === 'anonymous');
  const dispatch = createDispatch(options, report);
  const parts = { store, owners, keys, now };
  const book =
    mode === 'named' ? namedBook(parts, around.records) : await openAnonymousBook(parts, options, around, life);
  return createRegistrations({
    ...{ provider, mode, digits, life, keys, book, dispatch, limits, now },
    pending: createPendingTable(limits.pending, now),
    sign: around.sign,
    publicKeys: () => around.publicKeys(life),
  });
}

interface BookParts {
  readonly store: Store;
  readonly owners: Owners;
  readonly keys: RegistrationKeys;
  readonly now: () => number;
}

async function openAnonymousBook(
  parts: BookParts,
  { filter = {} }: RegistrationOptions,
  { folder, provider, report }: Surroundings,
  life: number,
): Promise<Book> {
  const { rebuild = false, ...given } = filter;
  const settings = { ...DEFAULT_FILTER, ...given };
  if (!(settings.generation >= life)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a generation of the filter is at least the life of an Info OK');
  }
  const forgetReplaced = () => parts.owners.forgetBefore(parts.now() - 2 * settings.generation);
  await forgetReplaced();
  const ids = await openRegisteredIds({
    ...{ store: parts.store, now: parts.now, settings, rebuild, report },
    files: folder === undefined ? undefined : filterFiles(folder, provider),
    keyCheck: parts.keys.check,
    onGeneration: () => void forgetReplaced().catch(report),
  });
  return anonymousBook(parts, ids);
}

/** What all hashes are keyed with: never in the database that they lie in. */
async function secretOf({ key }: RegistrationOptions, { folder, store, provider }: Surroundings): Promise<Uint8Array> {
  if (key && key.length !== KEY_BYTES) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `the key of a registration service has ${KEY_BYTES} bytes`);
  }
  if (key) return key;
  if (folder !== undefined) return fileDataKey(folder, provider);
  if (store.volatile) return provider.randomBytes(KEY_BYTES);
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'with a store of your own, registration needs a key of 32 bytes');
}
