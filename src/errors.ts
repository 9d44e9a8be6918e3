/**
 * Every error SealMQ throws, grouped by whose fault it is: the caller's (`USAGE_`), the bytes' (`DECODE_`), the
 * cryptographic check's (`VERIFY_`), the key directory's (`DIRECTORY_`), the network's (`TRANSPORT_`), the other side's of a call (`CALL_`), the store's
 * (`STATE_`). `docs/troubleshooting.md` has a paragraph for each code.
 */
export type ErrorCode =
  | 'USAGE_INVALID_ADDRESS'
  | 'USAGE_INVALID_ARGUMENT'
  | 'USAGE_SUITE_UNAVAILABLE'
  | 'USAGE_SYNC_UNAVAILABLE'
  | 'USAGE_KEY_NOT_EXTRACTABLE'
  | 'USAGE_PAYLOAD_TOO_LARGE'
  | 'USAGE_TOO_MANY_RECIPIENTS'
  | 'USAGE_CLIENT_CONNECTED'
  | 'USAGE_CLOSED'
  | 'USAGE_CONSUMER_EXISTS'
  | 'USAGE_NO_IDENTITY_KEY'
  | 'USAGE_LINK_EXPIRED'
  | 'USAGE_CARD_EXPIRED'
  | 'USAGE_HANDLER_FAILED'
  | 'USAGE_CONTACT_BLOCKED'
  | 'DECODE_CBOR'
  | 'DECODE_COSE'
  | 'DECODE_KEY'
  | 'DECODE_RECORD'
  | 'DECODE_CLAIMS'
  | 'DECODE_LINK'
  | 'DECODE_RTC'
  | 'DECODE_CARD'
  | 'DECODE_SAFETY_NUMBER'
  | 'DECODE_TOO_LARGE'
  | 'VERIFY_DECRYPTION'
  | 'VERIFY_SIGNATURE'
  | 'VERIFY_HANDSHAKE'
  | 'VERIFY_SAFETY_NUMBER'
  | 'DIRECTORY_UNREACHABLE'
  | 'DIRECTORY_NOT_FOUND'
  | 'DIRECTORY_BAD_ANSWER'
  | 'DIRECTORY_SUITE_UNAVAILABLE'
  | 'DIRECTORY_STALE'
  | 'DIRECTORY_ROLLBACK'
  | 'DIRECTORY_CONFLICT'
  | 'DIRECTORY_KEY_CHANGED'
  | 'DIRECTORY_IDENTITY_HELD'
  | 'DIRECTORY_IDENTITY_REFUSED'
  | 'DIRECTORY_CARD_CONFLICT'
  | 'DIRECTORY_RECORD_EXPIRED'
  | 'DIRECTORY_NO_ACTIVE_DEVICE'
  | 'DIRECTORY_REFUSED'
  | 'DIRECTORY_RATE_LIMITED'
  | 'DIRECTORY_CODE_WRONG'
  | 'DIRECTORY_CODE_SPENT'
  | 'TRANSPORT_REFUSED'
  | 'TRANSPORT_UNREACHABLE'
  | 'TRANSPORT_TIMEOUT'
  | 'TRANSPORT_CLOSED'
  | 'TRANSPORT_UNREGISTERED'
  | 'CALL_DECLINED'
  | 'CALL_BUSY'
  | 'CALL_NO_ANSWER'
  | 'CALL_ELSEWHERE'
  | 'CALL_ENDED'
  | 'CALL_FAILED'
  | 'STATE_WRONG_PASSPHRASE'
  | 'STATE_CORRUPT'
  | 'STATE_NEWER_SCHEMA'
  | 'STATE_LOCKED'
  | 'STATE_UNAVAILABLE'
  | 'STATE_NO_ACCOUNT'
  | 'STATE_NOT_REGISTERED'
  | 'STATE_NOT_LINKED'
  | 'STATE_EXPIRED'
  | 'STATE_OUTDATED'
  | 'STATE_FULL'
  | 'STATE_CARD_CONFLICT';

/** The one text of every `VERIFY_` error, so that nothing about secrets can leak through a message. */
const VERIFICATION_FAILED = 'verification failed';

/**
 * The one error class. Branch on {@link SealMQError.code}, never on the message. Messages never hold a key, a
 * plaintext or a token; what went wrong underneath is in `cause`.
 */
export class SealMQError extends Error {
  override readonly name = 'SealMQError';

  /**
   * @param code - stable, documented reason
   * @param message - for people; ignored for `VERIFY_` codes, which share one fixed text
   * @param cause - the underlying error, if any
   */
  constructor(
    readonly code: ErrorCode,
    message?: string,
    cause?: unknown,
  ) {
    const text = code.startsWith('VERIFY_') ? VERIFICATION_FAILED : (message ?? code);
    super(text, cause === undefined ? undefined : { cause });
  }
}

/** True for a {@link SealMQError}, and, when `code` is given, only for one with that code. */
export function isSealMQError(error: unknown, code?: ErrorCode): error is SealMQError {
  return error instanceof SealMQError && (code === undefined || error.code === code);
}

/** `cause` itself when it is a {@link SealMQError}, else one with `code` around it. */
export function asSealMQError(cause: unknown, code: ErrorCode, message: string): SealMQError {
  return cause instanceof SealMQError ? cause : new SealMQError(code, message, cause);
}
