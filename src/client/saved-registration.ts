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
  /** `r`: 32 random bytes. */
  readonly salt: Uint8Array;
  /** HMAC-SHA-256(r, normalised verification id). */
  readonly verificationHash: Uint8Array;
  /** The newest Info OK, encoded; it was verified. */
  readonly infoOk?: Uint8Array;
}

/** A {@link SavedRegistration} that can tell whom it was made for. */
export interface LoadedRegistration extends SavedRegistration {
  /** @throws `USAGE_INVALID_ARGUMENT` for another mailbox or telephone than the hash was made of */
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
      salt: fields.required('salt', is32Bytes),
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
      const hash = await run(verificationHash(provider, saved.salt, verification));
      if (equal(hash, saved.verificationHash)) return;
      throw new SealMQError('USAGE_INVALID_ARGUMENT', 'this address was made of another mailbox or telephone number');
    },
  };
}

/** The operation that keeps `saved`. */
export function putRegistration({ userId, salt, verificationHash, infoOk }: SavedRegistration): StoreOperation {
  return { type: 'put', key: KEY, value: encodeCbor(toMap({ userId, salt, verificationHash, infoOk })) };
}
