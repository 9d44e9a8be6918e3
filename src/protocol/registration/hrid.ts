import { toBase32 } from '../../bytes/base32.js';
import { utf8 } from '../../bytes/bytes.js';
import { encodeCbor } from '../../bytes/cbor.js';
import { hmacSha256 } from '../../crypto/hmac.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress, isRegistrationId } from '../address.js';
import type { VerificationId } from './verification-id.js';

/** Of the client's random `r`, in bytes: what keeps the hash of a telephone number from being guessed. */
export const SALT_BYTES = 32;

/** What a registration id is made of: who shows it proves what the id stands for, without naming mailbox or telephone. */
export interface RegistrationIdOpening {
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
  /** A name of the owner's, of the form of a user name. It need not be unique. */
  readonly userId: string;
  /** {@link verificationHash}, 32 bytes. */
  readonly verificationHash: Uint8Array;
}

/**
 * The hash of a verification id as it enters a registration id: HMAC-SHA-256 (RFC 2104) of its normalised form.
 *
 * @param salt - `r`: 32 random bytes of the client's
 */
export function verificationHash(
  provider: CryptoProvider,
  salt: Uint8Array,
  { normalised }: Pick<VerificationId, 'normalised'>,
): Steps<Uint8Array> {
  if (salt.length !== SALT_BYTES) throw new SealMQError('USAGE_INVALID_ARGUMENT', `a salt has ${SALT_BYTES} bytes`);
  return hmacSha256(provider, salt, utf8(normalised));
}

/**
 * The registration id, as an address: `~` and 52 lower-case base32 characters of SHA-256(CBOR ["sealmq/hrid/1", identity
 * thumbprint, user id, hash of the verification id]).
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for a user id that is no user name, or a value of a wrong size
 */
export function* registrationId(
  provider: CryptoProvider,
  { identity, userId, verificationHash }: RegistrationIdOpening,
): Steps<string> {
  assertUserId(userId);
  if (identity.length !== 32 || verificationHash.length !== 32) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'thumbprint and hash have 32 bytes');
  }
  const opening = encodeCbor(['sealmq/hrid/1', identity, userId, verificationHash]);
  return `~${toBase32(yield* step(provider.sha256(opening)))}`;
}

/** @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` */
export function assertUserId(userId: unknown): asserts userId is string {
  if (isAddress(userId) && !isRegistrationId(userId)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a user id has the form of a user name');
}
