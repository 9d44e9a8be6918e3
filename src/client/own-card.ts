import { isText, present } from '../bytes/fields.js';
import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import { isRegistrationId } from '../protocol/address.js';
import {
  CARD_LIFETIME,
  type CardDraft,
  cardText,
  isCurrent,
  MAX_CARD_NAME,
  makeCard,
} from '../protocol/identity/index.js';
import { type Context, seconds } from './context.js';

/** What stands on a card of ours. */
export interface CardOptions {
  /** What we call ourselves, 1 to 64 characters; who adds the card may call us otherwise. */
  readonly name?: string;
  /** For how long the card can be added, in seconds; default 30 days. Never longer than our key record holds. */
  readonly expiresIn?: number;
}

/** Our contact card: public, and made to be handed over directly. */
export interface OwnCard {
  /** `sealmq:card/…` with our whole key record, and the Info OK of our registration where there is one, for `contacts.add` of somebody else. */
  readonly link: string;
  /**
   * What to show as a QR code (`sealmq/qr`): the link itself where no directory has our address, else one with only the thumbprint
   * of the identity key, for which the directory has the record.
   */
  readonly qr: string;
  readonly expiresAt: Date;
}

/** Makes a card. @throws `STATE_NOT_REGISTERED` when our record does not name this device; `USAGE_INVALID_ARGUMENT` */
export async function ownCard(context: Context, { name, expiresIn = CARD_LIFETIME }: CardOptions): Promise<OwnCard> {
  const { account, provider, registration } = context;
  const { record, device } = account;
  if (!record.devices.some((entry) => entry.id === device.id && isCurrent(entry))) {
    throw new SealMQError(
      'STATE_NOT_REGISTERED',
      'our key record does not have this device yet: call register() first',
    );
  }
  if (!(expiresIn > 0)) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a card holds for more than 0 seconds');
  if (name !== undefined && !isText(MAX_CARD_NAME)(name)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `a name on a card is 1 to ${MAX_CARD_NAME} characters`);
  }
  const issuedAt = seconds(context);
  const expiresAt = Math.min(issuedAt + Math.ceil(expiresIn), record.expiresAt);
  // The Info OK stands on the whole card only: in a QR code there is no room for what a directory can be asked for.
  const draft = present({ record, name, issuedAt, expiresAt });
  const make = async (card: CardDraft) => cardText(await run(makeCard(provider, device, card)));
  const link = await make(present({ ...draft, infoOk: registration.current?.infoOk }));
  return {
    link,
    qr: isRegistrationId(account.address) ? link : await make({ ...draft, brief: true }),
    expiresAt: new Date(expiresAt * 1000),
  };
}
