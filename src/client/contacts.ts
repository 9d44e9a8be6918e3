import { equal } from '../bytes/bytes.js';
import { isText, present } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import { assertAddress } from '../protocol/address.js';
import type { KeyRecord } from '../protocol/identity/index.js';
import { type Contact, MAX_NAME } from './contact-list.js';
import type { Context } from './context.js';
import type { SentBox } from './sent-box.js';
import { sentKey, type Tracking } from './tracking.js';

/** Whom this messenger knows, whose keys were checked, and who is not to be heard. Kept on this device only. */
export interface Contacts {
  /** All contacts, by address. */
  list(): readonly Contact[];
  get(address: string): Contact | undefined;

  /**
   * Adds a contact with the identity key that is known of them, else the one that the directory has (trust on first use).
   * Somebody who is in the list already keeps key and flags.
   *
   * @param name - what to call them, 1 to 256 characters
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT`, `DIRECTORY_NOT_FOUND`, other `DIRECTORY_` codes
   */
  add(address: string, options?: { readonly name?: string }): Promise<Contact>;

  /** Forgets the contact, a block included. What is known of their key stays: a rollback goes on being noticed. */
  remove(address: string): Promise<void>;

  /**
   * Notes that the application made sure whose key it is; whoever is not in the list is added. A new identity key ends it.
   *
   * @param identity - thumbprint (32 bytes) of the key that was compared
   * @throws `USAGE_INVALID_ARGUMENT` when the known key is another; otherwise as {@link add}
   */
  markVerified(address: string, identity?: Uint8Array): Promise<Contact>;

  /**
   * From now on what they send is dropped (`rejected`, `blocked`), they get no receipts, and sending to them is refused.
   * What was handed to the broker before is no longer repeated. Somebody who is not in the list is added, without a key.
   *
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT` for our own address
   */
  block(address: string): Promise<void>;
  unblock(address: string): Promise<void>;

  /** The record with a new identity key that waits for {@link acceptKey} or {@link refuseKey}, or that was refused. */
  offeredKey(address: string): Promise<KeyRecord | undefined>;

  /**
   * Takes the new identity key: what waits for it is opened, in order, and sending goes on. It is not verified.
   *
   * @param identity - thumbprint (32 bytes) of the key that is meant, so that no other can have come in its place
   * @throws `USAGE_INVALID_ARGUMENT` when none, or another, is offered
   */
  acceptKey(address: string, identity?: Uint8Array): Promise<void>;

  /**
   * Refuses the new identity key: what waits for it, and what follows, is dropped (`rejected`, `identity-refused`). Sending
   * stays refused while the directory offers it. {@link acceptKey} can still change that.
   *
   * @throws as {@link acceptKey}
   */
  refuseKey(address: string, identity?: Uint8Array): Promise<void>;
}

/** The parts of a messenger that a decision about somebody concerns. */
interface Concerned {
  readonly sentBox: SentBox;
  readonly tracking: Tracking;
  /** Tries again what waits for a key. */
  readonly retry: () => void;
}

/** The contacts in `context.contacts`, for the application. */
export function createContacts(context: Context, { sentBox, tracking, retry }: Concerned): Contacts {
  const { contacts: list, keys, account } = context;

  const someoneElse = (address: string): string => {
    if (assertAddress(address) !== account.address) return address;
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'nobody is a contact of their own');
  };
  const entryOf = (address: string): Contact =>
    list.get(someoneElse(address)) ?? { address, verified: false, blocked: false };

  /** The contact with a key; an entry that has none, or is not there yet, gets it. */
  const withIdentity = async (address: string) => {
    const { identity } = entryOf(address);
    const known = identity ?? (await keys.record(address))?.identity;
    if (!known) throw new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${address}`);
    return { ...entryOf(address), identity: known };
  };

  const offeredIdentity = async (address: string, identity?: Uint8Array): Promise<Uint8Array> => {
    const offered = await keys.offered(someoneElse(address));
    if (offered && equal(identity ?? offered.identity, offered.identity)) return offered.identity;
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `no such new identity key waits for ${address}`);
  };

  const put = async (contact: Contact): Promise<Contact> => {
    await list.put(contact);
    return contact;
  };

  return {
    list: () => list.all(),
    get: (address) => list.get(address),
    async add(address, { name } = {}) {
      if (name !== undefined && !isText(MAX_NAME)(name)) {
        throw new SealMQError('USAGE_INVALID_ARGUMENT', `a name is 1 to ${MAX_NAME} characters`);
      }
      return put({ ...(await withIdentity(address)), ...present({ name }) });
    },
    remove: (address) => list.remove(someoneElse(address)),
    async markVerified(address, identity) {
      // Whoever compared keys meant the one that is offered now, which is not the known one.
      if (!identity) await keys.record(someoneElse(address));
      const contact = await withIdentity(address);
      if (identity && !equal(identity, contact.identity)) {
        throw new SealMQError('USAGE_INVALID_ARGUMENT', `the known identity key of ${address} is another`);
      }
      return put({ ...contact, verified: true });
    },
    async block(address) {
      await put({ ...entryOf(address), blocked: true });
      for (const { to, stream, seq } of await sentBox.forgetAll(address)) {
        tracking.failed(sentKey(to, stream, seq), new SealMQError('USAGE_CONTACT_BLOCKED', `${address} is blocked`));
      }
      retry();
    },
    async unblock(address) {
      if (list.isBlocked(address)) await put({ ...entryOf(address), blocked: false });
    },
    offeredKey: (address) => keys.offered(someoneElse(address)),
    async acceptKey(address, identity) {
      const offered = await offeredIdentity(address, identity);
      const contact = list.get(address);
      if (contact) await put({ ...contact, identity: offered, verified: false });
      await keys.decide(address, offered, 'accept');
      retry();
    },
    async refuseKey(address, identity) {
      await keys.decide(address, await offeredIdentity(address, identity), 'refuse');
      retry();
    },
  };
}
