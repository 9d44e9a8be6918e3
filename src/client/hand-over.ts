import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isArrayOf, isMap, present, readFields, toMap } from '../bytes/fields.js';
import { asSealMQError } from '../errors.js';
import { isRegistrationId } from '../protocol/address.js';
import { readShown, type ShownRegistration } from '../protocol/relay/sender.js';
import type { Context } from './context.js';
import { MAX_CONTACTS, shareContacts, takeContact } from './shared-contacts.js';

/**
 * What a device that is being linked is given beside the record: our contacts, and of an anonymous account its registration,
 * without which no broker that admits by token and no relay would know the new device.
 *
 * @returns `undefined` when there is nothing
 */
export async function handOver(context: Context, { contacts }: { contacts: boolean }): Promise<Uint8Array | undefined> {
  const registration = await freshRegistration(context);
  const given = present({
    contacts: contacts ? await shareContacts(context) : undefined,
    registration: registration && toMap({ ...registration }),
  });
  return Object.keys(given).length > 0 ? encodeCbor(toMap(given)) : undefined;
}

async function freshRegistration({ account, registration }: Context): Promise<ShownRegistration | undefined> {
  if (!isRegistrationId(account.address)) return undefined;
  await registration.infoOk();
  return registration.shown;
}

/** Takes what we are given. What cannot be read is left out, with a warning: a device without it is better than none. */
export async function takeOver(context: Context, bytes: Uint8Array): Promise<void> {
  const fields = () => readFields(decodeCbor(bytes), 'DECODE_LINK', 'hand-over');
  await attempt(context, 'the registration was not handed over', async () => {
    const registration = fields().optional('registration', isMap);
    if (!registration || !isRegistrationId(context.account.address)) return;
    await context.registration.adopt(readShown(readFields(registration, 'DECODE_LINK', 'registration')));
  });
  await attempt(context, 'contacts were not handed over', async () => {
    const contacts = fields().optional('contacts', isArrayOf(isMap, MAX_CONTACTS)) ?? [];
    for (const entry of contacts) await takeContact(context, entry);
  });
}

async function attempt({ events }: Context, failure: string, taking: () => Promise<void>): Promise<void> {
  try {
    await taking();
  } catch (cause) {
    events.emit('warning', asSealMQError(cause, 'DECODE_LINK', failure));
  }
}
