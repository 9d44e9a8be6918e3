import { toBase64url } from '../bytes/base64url.js';
import type { Contact } from '../client/contact-list.js';
import type { Messenger } from '../client/messenger.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from './session.js';
import { type OptionValues, readSettings } from './settings.js';

/** The options of a command about contacts. */
export interface ContactOptions extends OptionValues {
  readonly json?: true;
}

/** Does `work` with the contacts of an account; the broker need not answer. @throws `STATE_NO_ACCOUNT`, `INTERRUPTED` */
export async function withContacts(
  program: Program,
  options: OptionValues,
  work: (messenger: Messenger) => Promise<void>,
): Promise<void> {
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, false);
  await withMessenger(program, settings, place, { connect: 'background' }, (messenger) =>
    unlessInterrupted(program, work(messenger)),
  );
}

/** Prints a contact, as it is now. */
export async function printContact({ output }: Program, contact: Contact, { json }: ContactOptions): Promise<void> {
  await (json ? output.json(contactView(contact)) : output.line(contactLine(contact)));
}

/** A contact for programs. */
export function contactView(contact: Contact) {
  const { address, name, identity, verified, blocked, byCard = false, registered = null } = contact;
  const known = { name: name ?? null, identity: identity ? toBase64url(identity) : null };
  return { address, ...known, verified, blocked, byCard, registered };
}

/** A contact for people, on one line. */
export function contactLine(contact: Contact): string {
  const { address, name, identity, verified, blocked, byCard, registered } = contact;
  const marks = [
    identity ? (verified ? 'verified' : 'not verified') : 'no key',
    ...(byCard ? ['by card'] : []),
    ...(registered === 'confirmed' ? ['registered'] : []),
    ...(blocked ? ['blocked'] : []),
  ];
  return `${address}${name === undefined ? '' : ` ${JSON.stringify(name)}`}: ${marks.join(', ')}`;
}
