import { isBytesOf, isCounter, toMap } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { type StatementKind, verifyStatement } from '../statement.js';

/** "Info OK": the directory's word that an address is registered to an identity. It is what admits. Times in seconds. */
export interface InfoOk {
  /** A user name or a registration id. */
  readonly address: string;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Largest encoded Info OK in bytes. */
export const MAX_INFO_OK_BYTES = 2048;

const isThumbprint = isBytesOf(32);

/** The form of an Info OK: a COSE_Sign1 by the directory's key with a purpose of its own. */
export const infoOk: StatementKind<InfoOk> = {
  purpose: 'info-ok',
  encode: (content) => toMap({ ...content }),
  read: (fields) => ({
    address: fields.required('address', isAddress),
    identity: fields.required('identity', isThumbprint),
    issuedAt: fields.required('issuedAt', isCounter),
    expiresAt: fields.required('expiresAt', isCounter),
  }),
};

/**
 * Verifies an Info OK that somebody presents. Whether who presents it holds the identity's keys is another question: an Info OK
 * is no secret.
 *
 * @param keys - those that the directory signs with, or did until lately
 * @param now - directory time in seconds
 * @throws {@link SealMQError} `DIRECTORY_KEY_CHANGED` when none of `keys` signed it, `DIRECTORY_BAD_ANSWER` when it is malformed
 *   or not valid, `DIRECTORY_STALE` when it is expired
 */
export function* verifyInfoOk(
  provider: CryptoProvider,
  keys: readonly PublicKey[],
  bytes: Uint8Array,
  now: number,
): Steps<InfoOk> {
  const content = yield* readInfoOk(provider, keys, bytes);
  if (content.expiresAt > now) return content;
  throw new SealMQError('DIRECTORY_STALE', `the Info OK of ${content.address} is expired`);
}

/** {@link verifyInfoOk} whatever the time is. */
export function* readInfoOk(provider: CryptoProvider, keys: readonly PublicKey[], bytes: Uint8Array): Steps<InfoOk> {
  if (bytes.length > MAX_INFO_OK_BYTES) throw new SealMQError('DIRECTORY_BAD_ANSWER', 'an Info OK is not that large');
  return yield* verifyStatement(provider, keys, infoOk, bytes);
}
