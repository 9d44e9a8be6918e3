import { SealMQError } from '../errors.js';
import { emailId, phoneId, type VerificationId } from '../protocol/registration/verification-id.js';

/** Where a code can be sent: an e-mail address, or a telephone number with its country code (`+49 151 …`). */
export type Contact =
  | { readonly email: string; readonly phone?: never }
  | { readonly phone: string; readonly email?: never };

/** The verification id that is meant. @throws `USAGE_INVALID_ARGUMENT` for what is neither, or both */
export function verificationIdOf({ email, phone }: { email?: unknown; phone?: unknown }): VerificationId {
  if (typeof email === 'string' && phone === undefined) return emailId(email);
  if (typeof phone === 'string' && email === undefined) return phoneId(phone);
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'give either email or phone');
}
