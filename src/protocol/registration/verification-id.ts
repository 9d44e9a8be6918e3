import { SealMQError } from '../../errors.js';

/** What a registration is challenged over: a mailbox or a telephone that can be sent a code. */
export interface VerificationId {
  readonly kind: 'email' | 'phone';
  /** Where the code goes, as it was given. */
  readonly to: string;
  /** One spelling for all that mean the same: what is hashed and compared. */
  readonly normalised: string;
}

const MAX_EMAIL_LENGTH = 254;
const MAX_PHONE_LENGTH = 64;

/** RFC 5321 §4.1.2 without quoted strings and address literals, in ASCII: nothing that could break out of a mail header. */
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** What people write between the digits of a number. */
const SPELLING = /[\s()./-]/g;
const E164 = /^\+[1-9]\d{6,14}$/;

/**
 * An e-mail address; case does not tell two apart. A domain in another script is written in its ASCII form (`xn--…`).
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT`
 */
export function emailId(text: string): VerificationId {
  const to = text.trim();
  const at = to.lastIndexOf('@');
  const [local, domain] = [to.slice(0, at), to.slice(at + 1)];
  if (at < 1 || at > 64 || to.length > MAX_EMAIL_LENGTH || !LOCAL_PART.test(local) || !DOMAIN.test(domain)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not an e-mail address in ASCII');
  }
  return { kind: 'email', to, normalised: to.toLowerCase() };
}

/**
 * A telephone number of ITU-T E.164: `+`, country code, 7 to 15 digits in all; spaces, dots, hyphens, slashes and brackets
 * between them do not count. National forms are refused, for nobody knows whose country is meant.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT`
 */
export function phoneId(text: string): VerificationId {
  const number = text.length > MAX_PHONE_LENGTH ? '' : text.replace(SPELLING, '');
  if (E164.test(number)) return { kind: 'phone', to: number, normalised: number };
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not an international telephone number: +, country code, digits');
}
