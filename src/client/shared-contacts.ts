import { equal } from '../bytes/bytes.js';
import { type CborMap, encodeCbor } from '../bytes/cbor.js';
import { isBytes, readFields, toMap } from '../bytes/fields.js';
import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import { isAddress } from '../protocol/address.js';
import { verifyRecord } from '../protocol/identity/index.js';
import { type Contact, contactMap, readContact } from './contact-list.js';
import type { Context } from './context.js';

/** Most bytes of contacts: with what else a new device is given, they are one control message. Some 600 contacts. */
const MAX_SHARED_BYTES = 1 << 19;

/** Most contacts that are read. */
export const MAX_CONTACTS = 10_000;

/**
 * Our contacts for another device of ours: pins, verified marks, blocks, and their key records, so that the new device holds the
 * directory to what this one knows, and reaches people whom no directory has. Blocked ones first, then verified ones.
 *
 * @returns `undefined` when there are none. What does not fit is left out, with a warning
 */
export async function shareContacts({ contacts, keys, events }: Context): Promise<CborMap[] | undefined> {
  const rank = ({ blocked, verified, byCard }: Contact) => (blocked ? 0 : verified ? 1 : byCard ? 2 : 3);
  const all = [...contacts.all()].sort((a, b) => rank(a) - rank(b));
  const shared: CborMap[] = [];
  let bytes = 0;
  for (const contact of all) {
    const known = await keys.known(contact.address);
    const record = known && contact.identity && equal(known.identity, contact.identity) ? known.bytes : undefined;
    const entry = toMap({ ...Object.fromEntries(contactMap(contact)), address: contact.address, record });
    bytes += encodeCbor(entry).length;
    if (bytes > MAX_SHARED_BYTES) break;
    shared.push(entry);
  }
  if (shared.length < all.length) {
    const left = all.length - shared.length;
    events.emit('warning', new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `${left} contacts are not handed over`));
  }
  return shared.length > 0 ? shared : undefined;
}

/** Takes over a contact of another device of ours. @throws `DECODE_` codes */
export async function takeContact({ provider, account, contacts, keys }: Context, entry: CborMap): Promise<void> {
  const fields = readFields(entry, 'DECODE_LINK', 'contact');
  const address = fields.required('address', isAddress);
  const contact = readContact(address, entry, 'DECODE_LINK');
  if (address === account.address) throw new SealMQError('DECODE_LINK', 'nobody is a contact of their own');
  const bytes = fields.optional('record', isBytes);
  const record = bytes && (await run(verifyRecord(provider, bytes)));
  if (record) {
    const fits = record.address === address && contact.identity && equal(record.identity, contact.identity);
    if (!fits) throw new SealMQError('DECODE_LINK', `a record that is not that of ${address}`);
    await keys.adopt(record);
  }
  // A key without its record would be nothing to hold a directory to.
  const { identity: _, byCard: _byCard, ...keyless } = contact;
  await contacts.put(record ? contact : { ...keyless, verified: false });
}
