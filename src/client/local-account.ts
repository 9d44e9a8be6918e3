import { equal } from '../bytes/bytes.js';
import { present } from '../bytes/fields.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import type { SuiteName } from '../crypto/suites.js';
import { SealMQError } from '../errors.js';
import {
  type Account,
  addDevice,
  createAccount,
  type DeviceEntry,
  type DeviceKeys,
  enterDevice,
  generateDeviceKeys,
  type KeyRecord,
  nextRecord,
  type RecordEdit,
  rotateDevice,
  verifyRecord,
} from '../protocol/identity/index.js';
import { makeClientId } from './client-id.js';
import type { KeyCache } from './key-cache.js';
import {
  ACCOUNT_KEY,
  assertNoAccount,
  currentKeys,
  IDENTITY,
  keepKeys,
  type LoadedKeys,
  loadKeys,
  markAccount,
  type NewAccount,
  newlySaved,
  oldestKeys,
  putSaved,
  readSaved,
  type SavedAccount,
} from './saved-account.js';
import type { State } from './state.js';

/** A record older than this, in seconds, is signed anew before it is published first. */
const FRESH = 60;

/** An account on this device: its keys, its record, and how both change. */
export class LocalAccount {
  readonly #state: State;
  readonly #provider: CryptoProvider;
  #saved: SavedAccount;
  #record: KeyRecord;
  #keys: readonly DeviceKeys[];
  #device: DeviceKeys;
  readonly #identityKey: PrivateKey | undefined;

  private constructor(
    state: State,
    provider: CryptoProvider,
    saved: SavedAccount,
    record: KeyRecord,
    loaded: LoadedKeys,
  ) {
    this.#state = state;
    this.#provider = provider;
    this.#saved = saved;
    this.#record = record;
    this.#keys = loaded.keys;
    this.#device = currentKeys(loaded.keys, record);
    this.#identityKey = loaded.identityKey;
  }

  /** The account in `state`, or `undefined` when there is none. @throws `STATE_CORRUPT`, `USAGE_INVALID_ARGUMENT` for another address */
  static async load(state: State, provider: CryptoProvider, address: string): Promise<LocalAccount | undefined> {
    const bytes = await state.store.get(ACCOUNT_KEY);
    if (!bytes) return assertNoAccount(state);
    const saved = readSaved(bytes);
    if (saved.address !== address) {
      throw new SealMQError('USAGE_INVALID_ARGUMENT', `this store belongs to ${saved.address}, not to ${address}`);
    }
    const record = await run(verifyRecord(provider, saved.record));
    await markAccount(state);
    return new LocalAccount(state, provider, saved, record, await loadKeys(state, saved));
  }

  /** Makes a new account and keeps it durably. @throws `USAGE_INVALID_ADDRESS` */
  static async create(
    state: State,
    provider: CryptoProvider,
    address: string,
    options: NewAccount,
  ): Promise<LocalAccount> {
    const { extractable } = state.vault;
    const account = await run(createAccount(provider, { address, ...options, extractable }));
    return LocalAccount.adopt(state, provider, account, options);
  }

  /**
   * Keeps `account` durably as the one of this store. Its record need not name the device yet. Without an identity key it is
   * that of a device to be linked.
   */
  static async adopt(
    state: State,
    provider: CryptoProvider,
    account: Omit<Account, 'identityKey'> & Partial<Account>,
    options: NewAccount,
  ): Promise<LocalAccount> {
    const { identityKey, device, record } = account;
    if (identityKey) await state.vault.put(IDENTITY, identityKey);
    const names = await keepKeys(state, provider, device);
    const saved = newlySaved(account, names, options, makeClientId(provider));
    await state.store.batch([putSaved(saved)], { sync: true });
    await markAccount(state);
    return new LocalAccount(state, provider, saved, record, { keys: [device], identityKey });
  }

  get address(): string {
    return this.#saved.address;
  }
  get record(): KeyRecord {
    return this.#record;
  }
  /** The key pair that our record has for this device; while there is none, the newest. */
  get device(): DeviceKeys {
    return this.#device;
  }
  /** Everything that mail may be sealed to. */
  get sealKeys(): readonly PrivateKey[] {
    return this.#keys.map(({ sealKey }) => sealKey);
  }
  /** The key pair of this device that most people know: see {@link oldestKeys}. */
  oldest(now: number): DeviceKeys {
    return oldestKeys(this.#keys, this.#record, now) ?? this.#device;
  }
  get clientId(): string {
    return this.#saved.clientId;
  }
  get stream(): number {
    return this.#saved.stream;
  }
  /** The identity key. @throws `USAGE_NO_IDENTITY_KEY` on a device that only has device keys */
  get identityKey(): PrivateKey {
    return assertIdentityKey(this.#identityKey);
  }

  /**
   * Publishes our record; a device that was imported is entered into it first. Repeating it is harmless.
   *
   * @throws `DIRECTORY_CONFLICT` when the address belongs to somebody else, other `DIRECTORY_` codes
   */
  async register(directory: KeyCache, now: number): Promise<void> {
    if (this.#saved.pending) {
      return this.#publish(await run(verifyRecord(this.#provider, this.#saved.pending)), directory);
    }
    // Another device of ours may have published since; and the directory takes a new record only while it is fresh.
    const base = await this.#latest(directory);
    if (!this.#entered(base)) return this.change(addDevice(await this.#entry(this.device, now)), directory, now);
    const isStale = !this.#saved.registered && Math.abs(now - base.issuedAt) > FRESH;
    await (isStale ? this.change((devices) => devices, directory, now) : this.#publish(base, directory));
  }

  /** Our record, issued just now: what a registration is asked for with. @throws as {@link change} */
  async freshRecord(directory: KeyCache, now: number): Promise<KeyRecord> {
    const base = await this.#latest(directory);
    if (Math.abs(now - base.issuedAt) <= FRESH) return base;
    const record = await run(nextRecord(this.#provider, this.identityKey, base, (devices) => devices, now));
    // As in `change`: it may be published although the answer is lost.
    await this.#save({ ...this.#saved, pending: record.bytes });
    return record;
  }

  /**
   * Makes sure that others can find our key: a record that somebody else put into the directory for us will do.
   *
   * @throws `STATE_NOT_REGISTERED`
   */
  async assertRegistered(directory: KeyCache): Promise<void> {
    if (this.#saved.registered) return;
    const published = await directory.record(this.address);
    if (!published || !equal(published.identity, this.#record.identity) || !this.#entered(published)) {
      throw new SealMQError('STATE_NOT_REGISTERED', 'nobody could verify our messages yet: call register() first');
    }
    await this.#save({ ...this.#saved, record: published.bytes, registered: true });
    this.#record = published;
  }

  /** Whether this device still has to be linked. */
  get linking(): boolean {
    return this.#saved.linking === true;
  }

  /** This device is linked: `record` has it. */
  async linked(record: KeyRecord): Promise<void> {
    const { linking: _, ...saved } = this.#saved;
    await this.#save({ ...saved, record: record.bytes, registered: true });
    this.#record = record;
  }

  /** Whether others can find our key, as far as we know. */
  get registered(): boolean {
    return this.#saved.registered;
  }

  /** Whether those who know us are yet to be told of our record. */
  get unannounced(): boolean {
    return this.#saved.registered && this.#record.version > (this.#saved.announced ?? 0);
  }

  /** They have been told of this version. */
  async announced(version: number): Promise<void> {
    await this.#save({ ...this.#saved, announced: version });
  }

  /** Takes in our record as another device of ours has changed it. Older ones, and those of another identity, are passed over. A device that is not linked yet has nothing to hold against them. */
  async learn(record: KeyRecord): Promise<void> {
    const isOurs = equal(record.identity, this.#record.identity);
    if (isOurs ? record.version <= this.#record.version : !this.linking) return;
    await this.#save({ ...this.#saved, record: record.bytes });
    this.#record = record;
    this.#device = currentKeys(this.#keys, record);
  }

  /** Starts a new numbering of what this store sends, greater than all before. */
  async startStream(now: number): Promise<void> {
    await this.#save({ ...this.#saved, stream: Math.max(now, this.#saved.stream + 1) });
  }

  /** Signs and publishes the next version of our record, starting from the one that the directory has. */
  async change(edit: RecordEdit, directory: KeyCache, now: number): Promise<void> {
    const base = await this.#latest(directory);
    const record = await run(nextRecord(this.#provider, this.identityKey, base, edit, now));
    // Kept before it is published: after a crash in between, register() publishes the same bytes again.
    await this.#save({ ...this.#saved, pending: record.bytes });
    await this.#publish(record, directory);
  }

  /**
   * Replaces this device's keys. Mail that is in flight to the old ones still opens.
   *
   * @throws `USAGE_NO_IDENTITY_KEY` on a linked device, which is linked anew instead
   */
  async rotate(directory: KeyCache, now: number, suite: SuiteName): Promise<void> {
    assertIdentityKey(this.#identityKey);
    const { extractable } = this.#state.vault;
    const fresh = await run(generateDeviceKeys(this.#provider, suite, { id: this.device.id, extractable }));
    const names = await keepKeys(this.#state, this.#provider, fresh);
    // From the moment the record is public, mail for the new key may come: it has to be at hand before.
    const { signKeys, sealKeys } = this.#saved;
    await this.#save({
      ...this.#saved,
      signKeys: [names.signKey, ...signKeys],
      sealKeys: [names.sealKey, ...sealKeys],
    });
    this.#keys = [fresh, ...this.#keys];
    await this.change(rotateDevice(await this.#entry(fresh, now), now), directory, now);
  }

  /** This device's entry, signed by itself. */
  async #entry(keys: DeviceKeys, notBefore: number): Promise<DeviceEntry> {
    const name = this.#saved.deviceName;
    const context = { address: this.address, identity: this.#record.identity };
    return run(enterDevice(this.#provider, keys, context, present({ notBefore, name })));
  }

  #entered(record: KeyRecord): boolean {
    return record.devices.some(({ id }) => id === this.#saved.device);
  }

  /** The directory's record of ours where it is ahead: another device of ours may have changed it. */
  async #latest(directory: KeyCache): Promise<KeyRecord> {
    const published = await directory.record(this.address, { refresh: true });
    if (!published || published.version <= this.#record.version) return this.#record;
    if (!equal(published.identity, this.#record.identity)) {
      throw new SealMQError('DIRECTORY_CONFLICT', `${this.address} belongs to another identity`);
    }
    return published;
  }

  async #publish(record: KeyRecord, directory: KeyCache): Promise<void> {
    await directory.publish(record);
    const { pending: _, ...saved } = this.#saved;
    await this.#save({ ...saved, record: record.bytes, registered: true });
    this.#record = record;
    this.#device = currentKeys(this.#keys, record);
  }

  async #save(saved: SavedAccount): Promise<void> {
    await this.#state.store.batch([putSaved(saved)], { sync: true });
    this.#saved = saved;
  }
}

function assertIdentityKey(key: PrivateKey | undefined): PrivateKey {
  if (key) return key;
  throw new SealMQError('USAGE_NO_IDENTITY_KEY', 'the identity key is on another device of this account');
}
