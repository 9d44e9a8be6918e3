import { equal } from '../bytes/bytes.js';
import { present } from '../bytes/fields.js';
import { run } from '../crypto/steps.js';
import { isSealMQError, SealMQError } from '../errors.js';
import { type ContactCard, readCard, verifyCard } from '../protocol/identity/index.js';
import { infoOk } from '../protocol/registration/info-ok.js';
import { readUnverified } from '../protocol/statement.js';
import { type Contact, withIdentity } from './contact-list.js';
import { type Context, seconds } from './context.js';

/** How a contact is added. */
export interface AddOptions {
  /** What to call them, 1 to 256 characters; for a card the default is what stands on it. */
  readonly name?: string;
  /** For a card that nobody can have swapped, such as one scanned off its owner's own screen: the key counts as compared. */
  readonly verified?: boolean;
  /** For a card: its key takes the place of whatever key is known, with `keyChanged`. */
  readonly replace?: boolean;
}

/**
 * The contact that a card makes. Its identity key is known when this resolves, and its record is used where no directory has one.
 *
 * @param entryOf - the contact as it stands, or a new one
 * @throws as `Contacts.add`
 */
export async function meetByCard(
  context: Context,
  text: string,
  entryOf: (address: string) => Contact,
  { name, verified = false, replace = false }: AddOptions,
): Promise<Contact> {
  const { provider, keys } = context;
  const card = await run(readCard(provider, text, seconds(context)));
  const { address, identity } = card;
  // Our own card is refused before anybody is asked.
  entryOf(address);
  const registration = await judgeInfoOk(context, card);
  const record = await keys.meet(present({ address, identity, record: card.record }), { replace });
  if (!card.record) await run(verifyCard(provider, card, record, seconds(context)));
  const entry = entryOf(address);
  const isOther = entry.identity !== undefined && !equal(entry.identity, identity);
  if (isOther && !replace) {
    throw new SealMQError('STATE_CARD_CONFLICT', `another identity key than that on the card is pinned for ${address}`);
  }
  const contact = isOther ? withIdentity(entry, identity) : { ...entry, identity };
  return present({
    ...contact,
    name: name ?? contact.name ?? card.name,
    verified: contact.verified || verified,
    byCard: true,
    ...registration,
  });
}

/**
 * What the Info OK on a card is worth; nothing where there is none.
 *
 * @throws `VERIFY_SIGNATURE` when it is forged, or about somebody else; `DECODE_CARD` when it is none
 */
async function judgeInfoOk(
  context: Context,
  { address, identity, infoOk: bytes }: ContactCard,
): Promise<Pick<Contact, 'infoOk' | 'registered'>> {
  if (!bytes) return {};
  const claimed = asCard(() => readUnverified(infoOk, bytes));
  const said = await context.registration.check(bytes).catch((cause) => {
    throw isSealMQError(cause, 'DIRECTORY_BAD_ANSWER') ? new SealMQError('VERIFY_SIGNATURE', undefined, cause) : cause;
  });
  if (claimed.address !== address || !equal(claimed.identity, identity)) throw new SealMQError('VERIFY_SIGNATURE');
  if (!said) return { infoOk: bytes, registered: 'unknown' };
  return { infoOk: bytes, registered: said.expiresAt > seconds(context) ? 'confirmed' : 'expired' };
}

function asCard<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new SealMQError('DECODE_CARD', 'what stands on the card as an Info OK is none', cause);
  }
}
