import { fromBase64url } from '../../bytes/base64url.js';
import { equal, fromUtf8 } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isRegistrationId } from '../../protocol/address.js';
import { type KeyRecord, MAX_RECORD_BYTES, verifyRecord } from '../../protocol/identity/record.js';
import { assertUserId, registrationId, SALT_BYTES, verificationHash } from '../../protocol/registration/hrid.js';
import { emailId, phoneId, type VerificationId } from '../../protocol/registration/verification-id.js';

/** Largest body of a registration in bytes: a record in base64url, and what stands beside it. */
export const MAX_REGISTRATION_BYTES = Math.ceil((MAX_RECORD_BYTES * 4) / 3) + 2048;

/** Largest body of an answer in bytes. */
export const MAX_ANSWER_BYTES = 256;

/** A registration that was asked for, as far as it can be judged by itself. */
export interface RegistrationRequest {
  readonly userId: string;
  readonly record: KeyRecord;
  readonly verification: VerificationId;
}

/**
 * Reads and verifies the body of `POST /v1/registrations`: the record by its own signatures, the hash by salt and verification id,
 * and an address that is a registration id by all of them. Salt and hash have served their purpose then.
 *
 * @throws `USAGE_INVALID_ARGUMENT`, `DECODE_*`, `VERIFY_SIGNATURE`
 */
export function* readRegistration(provider: CryptoProvider, body: Uint8Array): Steps<RegistrationRequest> {
  const fields = readJson(body);
  const { userId } = fields;
  assertUserId(userId);
  const verification = verificationOf(fields);
  const [salt, hash] = [bytesIn(fields, 'salt', SALT_BYTES), bytesIn(fields, 'verificationHash', 32)];
  if (!equal(hash, yield* verificationHash(provider, salt, verification))) {
    throw invalid('verificationHash is not that of salt and verification id');
  }
  const record = yield* verifyRecord(provider, bytesIn(fields, 'record'));
  const opening = { identity: record.identity, userId, verificationHash: hash };
  const address = isRegistrationId(record.address) ? yield* registrationId(provider, opening) : userId;
  if (record.address !== address) throw invalid('the record is of another address');
  return { userId, record, verification };
}

/** The code in the body of an answer. @throws `USAGE_INVALID_ARGUMENT` */
export function readCode(body: Uint8Array): string {
  const { code } = readJson(body);
  if (typeof code === 'string' && /^\d{6,8}$/.test(code)) return code;
  throw invalid('a code has 6 to 8 digits');
}

function verificationOf({ email, phone }: Fields): VerificationId {
  if (typeof email === 'string' && phone === undefined) return emailId(email);
  if (typeof phone === 'string' && email === undefined) return phoneId(phone);
  throw invalid('a registration has either email or phone');
}

type Fields = Readonly<Record<string, unknown>>;

function readJson(body: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(fromUtf8(body));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  } catch {
    // Said below.
  }
  throw invalid('the body is not a JSON object');
}

function bytesIn(fields: Fields, name: string, length?: number): Uint8Array {
  const text = fields[name];
  if (typeof text !== 'string') throw invalid(`${name} is missing`);
  const bytes = fromBase64url(text);
  if (length !== undefined && bytes.length !== length) throw invalid(`${name} has ${length} bytes`);
  return bytes;
}

function invalid(message: string): SealMQError {
  return new SealMQError('USAGE_INVALID_ARGUMENT', message);
}
