import { equal } from '../bytes/bytes.js';
import { type CborMap, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { type FieldReader, readFields } from '../bytes/fields.js';
import type { PublicKey } from '../cose/key.js';
import { Header } from '../cose/labels.js';
import { decodeSign1, type Sign1 } from '../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import type { Steps } from '../crypto/steps.js';
import { keyThumbprint } from '../crypto/thumbprints.js';
import { SealMQError } from '../errors.js';
import { type Purpose, sign, verify } from './signed.js';

/** One kind of statement: the purpose of its signature, and its form. */
export interface StatementKind<T> {
  readonly purpose: Purpose;
  encode(content: T): CborMap;
  read(fields: FieldReader): T;
}

/** Makes a statement: a COSE_Sign1 by the directory's key. */
export function signStatement<T>(
  provider: CryptoProvider,
  key: PrivateKey,
  kind: StatementKind<T>,
  content: T,
): Steps<Uint8Array> {
  return sign(provider, key, { purpose: kind.purpose, payload: encodeCbor(kind.encode(content)) });
}

/**
 * Reads a statement of the directory.
 *
 * @param keys - the directory keys that are trusted
 * @throws {@link SealMQError} `DIRECTORY_KEY_CHANGED` when its `kid` is none of `keys`, `DIRECTORY_BAD_ANSWER` when it is
 *   malformed or its signature is not valid
 */
export function* verifyStatement<T>(
  provider: CryptoProvider,
  keys: readonly PublicKey[],
  kind: StatementKind<T>,
  bytes: Uint8Array,
): Steps<T> {
  const message = answered(() => decodeSign1(bytes));
  const kid = message.protectedHeader.get(Header.kid);
  const key = kid instanceof Uint8Array ? yield* findKey(provider, keys, kid) : undefined;
  if (!key)
    throw new SealMQError('DIRECTORY_KEY_CHANGED', 'signed by another key than the known ones of the directory');
  if (!(yield* verify(provider, key, message, { purpose: kind.purpose }))) {
    throw new SealMQError('DIRECTORY_BAD_ANSWER', `the signature of a ${kind.purpose} statement is not valid`);
  }
  return readContent(kind, message);
}

/** The content of a statement on its word alone. @throws {@link SealMQError} `DIRECTORY_BAD_ANSWER` */
export function readUnverified<T>(kind: StatementKind<T>, bytes: Uint8Array): T {
  return readContent(
    kind,
    answered(() => decodeSign1(bytes)),
  );
}

/** The key among `keys` whose thumbprint is `kid`. */
export function* findKey(
  provider: CryptoProvider,
  keys: readonly PublicKey[],
  kid: Uint8Array,
): Steps<PublicKey | undefined> {
  for (const key of keys) if (equal(yield* keyThumbprint(provider, key), kid)) return key;
  return undefined;
}

function readContent<T>(kind: StatementKind<T>, { payload, unprotectedHeader }: Sign1): T {
  return answered(() => {
    // What nobody signed has no place in a statement.
    if (unprotectedHeader.size > 0) throw new SealMQError('DECODE_COSE', 'statement with unprotected header');
    const content = decodeCbor(payload ?? new Uint8Array(0));
    return kind.read(readFields(content, 'DIRECTORY_BAD_ANSWER', `${kind.purpose} statement`));
  });
}

/** `decode()`; whatever it refuses is a bad answer. */
function answered<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new SealMQError('DIRECTORY_BAD_ANSWER', 'malformed statement of the directory', cause);
  }
}
