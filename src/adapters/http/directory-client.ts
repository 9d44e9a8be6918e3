import { fromBase64url } from '../../bytes/base64url.js';
import { fromUtf8 } from '../../bytes/bytes.js';
import { type ErrorCode, isSealMQError, SealMQError } from '../../errors.js';
import type { Fetch } from './platform-fetch.js';
import { readBounded } from './read-bounded.js';

/** An answer whose size was bounded and whose body has arrived. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Sends one request to the directory; no redirect is followed, nothing is cached. */
export type DirectoryRequest = (
  path: string,
  init?: Pick<RequestInit, 'method' | 'headers' | 'body'>,
) => Promise<HttpAnswer>;

/** Largest answer in bytes: a key record. */
const MAX_ANSWER_BYTES = 1 << 16;

/** The statement of the directory beside an answer. */
const FRESHNESS_HEADER = 'SealMQ-Freshness';

/** A signed statement with an Ed25519 key takes some 300 bytes, with RSA 700. */
const MAX_STATEMENT_LENGTH = 4096;

/** Of a directory's text in an error. */
const MAX_REASON_LENGTH = 200;

/**
 * Requests below `base`.
 *
 * @param timeout - until the body is there, in milliseconds
 */
export function directoryRequests(base: URL, fetch: Fetch, timeout: number): DirectoryRequest {
  return async (path, init) => {
    const signal = AbortSignal.timeout(timeout);
    try {
      const url = new URL(path, base).href;
      // The key cache stands in front: a browser's own cache would hide a forced refresh from the directory.
      const answer = await fetch(url, { ...init, signal, redirect: 'manual', cache: 'no-store', credentials: 'omit' });
      return { status: answer.status, headers: answer.headers, body: await readBounded(answer.body, MAX_ANSWER_BYTES) };
    } catch (cause) {
      if (isSealMQError(cause, 'DECODE_TOO_LARGE')) throw badAnswer(`more than ${MAX_ANSWER_BYTES} bytes`, cause);
      const what = signal.aborted ? `no answer within ${timeout} ms` : 'no connection';
      throw new SealMQError('DIRECTORY_UNREACHABLE', `${what} to ${base.origin}`, cause);
    }
  };
}

/** The body of an answer, which must be 200 and of the media type of COSE. @throws as {@link refusal}, `DIRECTORY_BAD_ANSWER` */
export function coseBody(answer: HttpAnswer): Uint8Array {
  if (answer.status !== 200) throw refusal(answer);
  const type = answer.headers.get('Content-Type') ?? 'nothing';
  if (!/^application\/cose\b/i.test(type)) throw badAnswer(`${type.slice(0, 64)} instead of application/cose`);
  return answer.body;
}

/** The signed statement beside an answer. @throws `DIRECTORY_BAD_ANSWER` */
export function statementOf({ headers }: HttpAnswer): Uint8Array {
  const text = headers.get(FRESHNESS_HEADER);
  if (!text || text.length > MAX_STATEMENT_LENGTH) throw badAnswer('no signed statement');
  try {
    return fromBase64url(text);
  } catch (cause) {
    throw badAnswer('a statement that is not base64url', cause);
  }
}

const REFUSALS: Readonly<Record<number, ErrorCode>> = {
  400: 'DIRECTORY_REFUSED',
  403: 'DIRECTORY_REFUSED',
  408: 'DIRECTORY_UNREACHABLE',
  409: 'DIRECTORY_CONFLICT',
  413: 'DIRECTORY_REFUSED',
  429: 'DIRECTORY_RATE_LIMITED',
};

/** The error that a status stands for; its text is the directory's own, where there is one. */
export function refusal({ status, body }: HttpAnswer): SealMQError {
  const code = status >= 500 ? 'DIRECTORY_UNREACHABLE' : REFUSALS[status];
  return code ? new SealMQError(code, `${reasonIn(body)} (status ${status})`) : badAnswer(`status ${status}`);
}

/** The `message` of an error body, for people. */
export function reasonIn(body: Uint8Array): string {
  try {
    const { message } = JSON.parse(fromUtf8(body)) as { message?: unknown };
    if (typeof message === 'string') return message.slice(0, MAX_REASON_LENGTH);
  } catch {
    // Not from a directory of ours: a proxy, say.
  }
  return 'the directory refuses';
}

/** A `DIRECTORY_BAD_ANSWER`. */
export function badAnswer(what: string, cause?: unknown): SealMQError {
  return new SealMQError('DIRECTORY_BAD_ANSWER', `the directory answered with ${what}`, cause);
}
