import { toBase64url } from '../../bytes/base64url.js';
import { fromUtf8 } from '../../bytes/bytes.js';
import { type ErrorCode, SealMQError } from '../../errors.js';
import type { IssuedInfoOk, Registrar, StartedRegistration } from '../../ports/registrar.js';
import { MAX_DIGITS, MIN_DIGITS } from '../../protocol/registration/challenge.js';
import { infoOk } from '../../protocol/registration/info-ok.js';
import { badAnswer, coseBody, type DirectoryRequest, type HttpAnswer, reasonIn, refusal } from './directory-client.js';
import type { DirectoryTrust } from './directory-trust.js';

/** The registration service of the directory that `request` reaches and `trust` knows. */
export function httpRegistrar(request: DirectoryRequest, trust: DirectoryTrust): Registrar {
  const post = (path: string, contentType: string, body: Uint8Array | string) =>
    request(`v1/registrations${path}`, {
      method: 'POST',
      headers: { 'Content-Type': contentType },
      body: body as Uint8Array<ArrayBuffer> | string,
    });
  const postJson = (path: string, body: object) => post(path, 'application/json', JSON.stringify(body));

  async function issued(answer: HttpAnswer): Promise<IssuedInfoOk> {
    if (answer.status === 410) throw coded('DIRECTORY_CODE_SPENT', answer);
    const bytes = coseBody(answer);
    return { ...(await trust.read(infoOk, bytes)), bytes };
  }

  return {
    async start({ userId, record, salt, verificationHash, to }) {
      const answer = await postJson('', {
        userId,
        record: toBase64url(record),
        salt: toBase64url(salt),
        verificationHash: toBase64url(verificationHash),
        [to.kind]: to.address,
      });
      if (answer.status !== 202) throw refusal(answer);
      return readStarted(answer.body);
    },
    async verify(id, code) {
      const answer = await postJson(`/${encodeURIComponent(id)}/verify`, { code });
      if (answer.status === 403 && codeOf(answer) === 'DIRECTORY_CODE_WRONG') {
        throw coded('DIRECTORY_CODE_WRONG', answer);
      }
      return issued(answer);
    },
    async check(bytes) {
      const said = await trust.readBrought(infoOk, bytes);
      return said && { ...said, bytes };
    },
    renew: async (bytes) => issued(await post('/renew', 'application/cose', bytes)),
  };
}

function coded(code: ErrorCode, answer: HttpAnswer): SealMQError {
  return new SealMQError(code, reasonIn(answer.body));
}

function codeOf({ body }: HttpAnswer): unknown {
  return (json(body) as { code?: unknown } | undefined)?.code;
}

function readStarted(body: Uint8Array): StartedRegistration {
  const { id, expiresAt, digits } = (json(body) ?? {}) as { [name: string]: unknown };
  const time = typeof expiresAt === 'string' ? Date.parse(expiresAt) : Number.NaN;
  const isCode = typeof digits === 'number' && digits >= MIN_DIGITS && digits <= MAX_DIGITS;
  if (typeof id === 'string' && id.length <= 64 && Number.isFinite(time) && isCode) {
    return { id, expiresAt: time, digits };
  }
  throw badAnswer('a malformed registration');
}

function json(body: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(fromUtf8(body));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
