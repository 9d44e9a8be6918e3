import { equal } from '../bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isBytes, isBytesOf, isFlag, isText, present, readFields, toMap } from '../bytes/fields.js';
import type { ErrorCode } from '../errors.js';
import type { Store } from '../ports/store.js';
import type { KeyChange, OnKeyChange } from './key-cache.js';

/** Longest display name, in UTF-16 code units. */
export const MAX_NAME = 256;

const REGISTERED = ['confirmed', 'expired', 'unknown'] as const;

/**
 * What an Info OK on a card is worth: our own registration service has signed it and it holds; it has, and it does not hold any
 * more; or it is by another service, or one whose key is not known here.
 */
export type RegisteredState = (typeof REGISTERED)[number];

const isRegisteredState = (value: unknown): value is RegisteredState => REGISTERED.some((state) => state === value);

/** Somebody whom the application has decided something about. */
export interface Contact {
  readonly address: string;
  /** What the application calls them. */
  readonly name?: string;
  /** Thumbprint of the identity key that belongs to them, 32 bytes; absent while nobody has looked it up. */
  readonly identity?: Uint8Array;
  /** The application has made sure that the identity key is theirs. */
  readonly verified: boolean;
  readonly blocked: boolean;
  /** The identity key came by a contact card, not from a directory: another one does not take its place unasked. */
  readonly byCard?: boolean;
  /** The registration service's word on their card that the address is registered to this key. */
  readonly infoOk?: Uint8Array;
  /** What was found of that word when the card was added. */
  readonly registered?: RegisteredState;
}

/** Who gets receipts. */
export type ReceiptsTo = 'all' | 'contacts' | 'none';

/** What holds for people by whether they are contacts. */
export interface ContactPolicy {
  /**
   * Who is told what has arrived of theirs, and asked for what has not: everybody whose message was verified (default), only
   * contacts, or nobody. Receipts show that a device is online. Whoever is blocked gets none in any case.
   */
  readonly receipts?: ReceiptsTo;
  /**
   * What becomes of a new identity key of somebody: it is taken with an event, or their mail waits and sending to them is
   * refused until `contacts.acceptKey` or `contacts.refuseKey`. Default: `hold` for contacts that are marked as verified or were
   * added by their card, unless the old key vouches for the new one, and `accept` for everybody else.
   */
  readonly onKeyChange?: OnKeyChange;
}

/** The contacts of one messenger, in memory and under `contact/` of the store. */
export interface ContactList {
  get(address: string): Contact | undefined;
  /** By address. */
  all(): readonly Contact[];
  isBlocked(address: string): boolean;
  /** Whether somebody may learn from us that a device is online. */
  getsReceipts(address: string): boolean;
  /** Durable when it resolves; seen at once. */
  put(contact: Contact): Promise<void>;
  remove(address: string): Promise<void>;
  /** Whether a new identity key takes the old one's place; if so, the contact has it from now on, not verified. */
  meetIdentity(change: Omit<KeyChange, 'held'>): Promise<OnKeyChange>;
}

/** Opens the list for `owner`, whose own identity is never replaced. */
export async function openContactList(
  store: Store,
  owner: string,
  { receipts = 'all', onKeyChange }: ContactPolicy,
): Promise<ContactList> {
  const contacts = new Map<string, Contact>();
  for await (const [key, value] of store.iterator({ gte: 'contact/', lt: 'contact0' })) {
    const address = key.slice('contact/'.length);
    contacts.set(address, readContact(address, decodeCbor(value), 'STATE_CORRUPT'));
  }

  const isBlocked = (address: string) => contacts.get(address)?.blocked === true;
  const put = async (contact: Contact) => {
    contacts.set(contact.address, contact);
    await store.batch([{ type: 'put', key: keyOf(contact.address), value: encodeCbor(contactMap(contact)) }]);
  };
  /** What the old identity key vouches for is as good as the old one, unless the application wants to see everything. */
  const decisionOn = (change: Omit<KeyChange, 'held'>): OnKeyChange => {
    if (change.address === owner) return 'hold';
    const contact = contacts.get(change.address);
    // Accepted before, and the process died before the record was kept.
    if (contact?.identity && equal(contact.identity, change.current.identity)) return 'accept';
    const pinned = contact?.verified || contact?.byCard;
    return onKeyChange ?? (pinned && !change.vouched ? 'hold' : 'accept');
  };

  return {
    get: (address) => contacts.get(address),
    all: () => [...contacts.values()].sort((a, b) => (a.address < b.address ? -1 : 1)),
    isBlocked,
    getsReceipts(address) {
      if (receipts === 'none' || isBlocked(address)) return false;
      return receipts === 'all' || address === owner || contacts.has(address);
    },
    put,
    async remove(address) {
      contacts.delete(address);
      await store.batch([{ type: 'del', key: keyOf(address) }]);
    },
    async meetIdentity(change) {
      const decision = decisionOn(change);
      const contact = contacts.get(change.address);
      if (decision === 'accept' && contact) {
        await put(withIdentity(contact, change.current.identity));
      }
      return decision;
    },
  };
}

/** A contact whose identity key is another from now on, which nobody has compared. */
export function withIdentity(contact: Contact, identity: Uint8Array): Contact {
  const { byCard: _, infoOk: _infoOk, registered: _registered, ...kept } = contact;
  return { ...kept, identity, verified: false };
}

function keyOf(address: string): string {
  return `contact/${address}`;
}

/** A contact without its address: how it is kept, and handed over to another device of ours. */
export function contactMap({ address: _, ...fields }: Contact): CborMap {
  return toMap(fields);
}

/** Reads what {@link contactMap} wrote. @throws `code` */
export function readContact(address: string, value: CborValue, code: ErrorCode): Contact {
  const fields = readFields(value, code, 'contact');
  return present({
    address,
    name: fields.optional('name', isText(MAX_NAME)),
    identity: fields.optional('identity', isBytesOf(32)),
    verified: fields.required('verified', isFlag),
    blocked: fields.required('blocked', isFlag),
    byCard: fields.optional('byCard', isFlag),
    infoOk: fields.optional('infoOk', isBytes),
    registered: fields.optional('registered', isRegisteredState),
  });
}
