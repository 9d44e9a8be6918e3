import { equal } from '../bytes/bytes.js';
import { isText, present } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import { assertAddress } from '../protocol/address.js';
import { isCardText, type KeyRecord, type SafetyNumber } from '../protocol/identity/index.js';
import { type AddOptions, meetByCard } from './contact-cards.js';
import { type Contact, MAX_NAME, withIdentity } from './contact-list.js';
import type { Context } from './context.js';
import { assertSame, createSafety } from './safety.js';
import type { SentBox } from './sent-box.js';
import { sentKey, type Tracking } from './tracking.js';

/** Whom this messenger knows, whose keys were checked, and who is not to be heard. Kept on this device only. */
export interface Contacts {
  /** All contacts, by address. */
  list(): readonly Contact[];
  get(address: string): Contact | undefined;

  /**
   * Adds a contact: by address, with the identity key that is known of them, else the one that the directory has (trust on first
   * use); or by their contact card, which pins the key that stands on it. Somebody who is in the list already keeps key and flags.
   *
   * A card that contradicts what is known, or what the directory says now, changes nothing: the call throws, and the event
   * `cardConflict` has both sides.
   *
   * @param who - an address, or the text of a card (`sealmq:card/…`)
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT`, `DIRECTORY_NOT_FOUND`, other `DIRECTORY_` codes; for a card also
   *   `STATE_CARD_CONFLICT`, `DIRECTORY_CARD_CONFLICT`, `USAGE_CARD_EXPIRED`, `DECODE_CARD`, `DECODE_TOO_LARGE`, `VERIFY_SIGNATURE`
   */
  add(who: string, options?: AddOptions): Promise<Contact>;

  /**
   * Calls a contact otherwise, or by no name.
   *
   * @throws `USAGE_INVALID_ARGUMENT` for a bad name, or somebody who is not in the list
   */
  rename(address: string, name: string | undefined): Promise<Contact>;

  /** Forgets the contact, a block included. What is known of their key stays: a rollback goes on being noticed. */
  remove(address: string): Promise<void>;

  /**
   * The safety number of us and one or several others: 60 digits and a QR code, the same for everybody, and on every device of
   * theirs, who has the same identity keys for the same people. Takes some 10 ms of computing for each new key.
   *
   * @param offered - with the key that waits for {@link acceptKey} where there is one: what to compare before accepting it
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT` for nobody else or more than 255; `DIRECTORY_` codes for somebody
   *   whose key is not known
   */
  safetyNumber(who: string | readonly string[], options?: { readonly offered?: boolean }): Promise<SafetyNumber>;

  /**
   * Compares the {@link safetyNumber} with one that was scanned from, or read out on, a device of theirs, and when they are the same
   * marks the key as verified. With several people each of them must have shown the number.
   *
   * @param scanned - the text of the QR code, or the 60 digits
   * @throws `VERIFY_SAFETY_NUMBER` when they differ: nobody is verified by it; `USAGE_INVALID_ARGUMENT` when the QR code is that of
   *   other people; `DECODE_SAFETY_NUMBER`; as {@link safetyNumber}
   */
  verify(who: string | readonly string[], scanned: string): Promise<void>;

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
  const safety = createSafety(context);

  const someoneElse = (address: string): string => {
    if (assertAddress(address) !== account.address) return address;
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'nobody is a contact of their own');
  };
  const entryOf = (address: string): Contact =>
    list.get(someoneElse(address)) ?? { address, verified: false, blocked: false };

  /** The contact with a key; an entry that has none, or is not there yet, gets it. */
  const withKey = async (address: string) => {
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

  const mark = async (address: string, identity?: Uint8Array): Promise<Contact> => {
    // Whoever compared keys meant the one that is offered now, which is not the known one.
    if (!identity) await keys.record(someoneElse(address));
    const contact = await withKey(address);
    if (identity && !equal(identity, contact.identity)) {
      throw new SealMQError('USAGE_INVALID_ARGUMENT', `the known identity key of ${address} is another`);
    }
    return put({ ...contact, verified: true });
  };

  return {
    list: () => list.all(),
    get: (address) => list.get(address),
    async add(who, options = {}) {
      const { name } = options;
      assertName(name);
      if (!isCardText(who)) return put({ ...(await withKey(who)), ...present({ name }) });
      const contact = await meetByCard(context, who, entryOf, options);
      await put(contact);
      retry();
      return contact;
    },
    async rename(address, name) {
      assertName(name);
      const { name: _, ...contact } = list.get(someoneElse(address)) ?? unknown(address);
      return put({ ...contact, ...present({ name }) });
    },
    safetyNumber: async (who, { offered = false } = {}) => (await safety(who, offered)).number,
    async verify(who, scanned) {
      const { members, number } = await safety(who, false);
      assertSame(number, scanned);
      for (const { address, identity } of members) if (address !== account.address) await mark(address, identity);
    },
    remove: (address) => list.remove(someoneElse(address)),
    markVerified: mark,
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
      if (contact) await put(withIdentity(contact, offered));
      await keys.decide(address, offered, 'accept');
      retry();
    },
    async refuseKey(address, identity) {
      await keys.decide(address, await offeredIdentity(address, identity), 'refuse');
      retry();
    },
  };
}

function assertName(name: string | undefined): void {
  if (name === undefined || isText(MAX_NAME)(name)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `a name is 1 to ${MAX_NAME} characters`);
}

function unknown(address: string): never {
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `${address} is not among the contacts`);
}
