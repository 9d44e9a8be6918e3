import { type ErrorCode, isSealMQError } from '../../errors.js';

/** The `code` of an error body: one of ours, or what only HTTP knows. */
export type HttpErrorCode = ErrorCode | 'NO_SUCH_ROUTE' | 'METHOD_NOT_ALLOWED' | 'INTERNAL';

const STATUS: Partial<Record<HttpErrorCode, number>> = {
  NO_SUCH_ROUTE: 404,
  METHOD_NOT_ALLOWED: 405,
  USAGE_INVALID_ADDRESS: 400,
  USAGE_INVALID_ARGUMENT: 400,
  USAGE_CLOSED: 503,
  DECODE_CBOR: 400,
  DECODE_COSE: 400,
  DECODE_KEY: 400,
  DECODE_RECORD: 400,
  DECODE_CLAIMS: 400,
  DECODE_TOO_LARGE: 413,
  VERIFY_SIGNATURE: 400,
  DIRECTORY_NOT_FOUND: 404,
  DIRECTORY_CONFLICT: 409,
  DIRECTORY_REFUSED: 403,
  DIRECTORY_RATE_LIMITED: 429,
  DIRECTORY_CODE_WRONG: 403,
  DIRECTORY_CODE_SPENT: 410,
};

/** An answer with the body `{code, message}`. */
export function errorAnswer(code: HttpErrorCode, message: string, headers: Record<string, string> = {}): Response {
  return Response.json(
    { code, message },
    { status: STATUS[code] ?? 500, headers: { 'Cache-Control': 'no-store', ...headers } },
  );
}

/** The answer for something that was thrown; what is not the client's doing goes to `report` and is not described. */
export function failureAnswer(error: unknown, report: (error: unknown) => void): Response {
  if (isSealMQError(error) && STATUS[error.code] !== undefined) return errorAnswer(error.code, error.message);
  report(error);
  return errorAnswer('INTERNAL', 'internal error');
}
