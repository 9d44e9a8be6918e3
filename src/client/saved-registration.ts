import { equal } from '../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isBytes, isBytesOf, isText, present, readFields, toMap } from '../bytes/fields.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import type { Store, StoreOperation } from '../ports/store.js';
import { verificationHash } from '../protocol/registration/hrid.js';
import type { VerificationId } from '../protocol/registration/verification-id.js';

/** What is kept of a registration. Mailbox and telephone number are not. */
export interface SavedRegistration {
  readonly userId: string;
  /** `r`: 32 random bytes. Absent on a device that was linked: only who registers needs it. */
  readonly salt?: Uint8Array;
  /** HMAC-SHA-256(r, normalised verification id). */
  readonly verificationHash: Uint8Array;
  /** The newest Info OK, encoded; it was verified, unless the device that linked this one has given it. */
  readonly infoOk?: Uint8Array;
}

/** A {@link SavedRegistration} that can tell whom it was made for. */
export interface LoadedRegistration extends SavedRegistration {
  /**
   * @throws `USAGE_INVALID_ARGUMENT` for another mailbox or telephone than the hash was made of; `USAGE_NO_IDENTITY_KEY` on a device
   *   that was linked, which cannot tell
   */
  assertFor(provider: CryptoProvider, verification: VerificationId): Promise<void>;
}

const KEY = 'registration';
const is32Bytes = isBytesOf(32);

/** The registration in `store`. @throws `STATE_CORRUPT` */
export async function readRegistration(store: Store): Promise<LoadedRegistration | undefined> {
  const bytes = await store.get(KEY);
  if (!bytes) return undefined;
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'registration');
  return loaded(
    present({
      userId: fields.required('userId', isText(64)),
      salt: fields.optional('salt', is32Bytes),
      verificationHash: fields.required('verificationHash', is32Bytes),
      infoOk: fields.optional('infoOk', isBytes),
    }),
  );
}

/** `saved`, able to tell whom it was made for. */
export function loaded(saved: SavedRegistration): LoadedRegistration {
  return {
    ...saved,
    async assertFor(provider, verification) {
      const { salt } = saved;
      if (!salt) throw registeredElsewhere();
      const hash = await run(verificationHash(provider, salt, verification));
      if (equal(hash, saved.verificationHash)) return;
      throw new SealMQError('USAGE_INVALID_ARGUMENT', 'this address was made of another mailbox or telephone number');
    },
  };
}

/** Registering is for the device that has made the address. */
export function registeredElsewhere(): SealMQError {
  return new SealMQError('USAGE_NO_IDENTITY_KEY', 'this address is registered on the device where it was made');
}

/** The operation that keeps `saved`. */
export function putRegistration({ userId, salt, verificationHash, infoOk }: SavedRegistration): StoreOperation {
  return { type: 'put', key: KEY, value: encodeCbor(toMap({ userId, salt, verificationHash, infoOk })) };
}
