import { fromUtf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import type { TokenDesk } from '../../ports/key-directory.js';
import { challenge, notice } from '../../protocol/directory/admission.js';
import { badAnswer, coseBody, type DirectoryRequest, type HttpAnswer, refusal } from './directory-client.js';
import type { DirectoryTrust } from './directory-trust.js';

const PATH = 'v1/admission';

/** A password of MQTT has two bytes for its length; no token of ours comes near that. */
const MAX_TOKEN_LENGTH = 8192;
const MAX_NAME_LENGTH = 256;

/** The tokens of the directory that answers `request`. */
export function tokenDesk(request: DirectoryRequest, trust: DirectoryTrust): TokenDesk {
  async function post(path: string, body: Uint8Array): Promise<HttpAnswer> {
    const headers = { 'Content-Type': 'application/cose' };
    const answer = await request(path, { method: 'POST', headers, body: body as Uint8Array<ArrayBuffer> });
    if (answer.status === 404) throw new SealMQError('DIRECTORY_NOT_FOUND', 'not registered: no token');
    return answer;
  }

  return {
    async challenge() {
      const answer = await request(PATH);
      if (answer.status === 404) return undefined;
      const body = coseBody(answer);
      // One that another directory made must not be signed: it would be handed on.
      await trust.read(challenge, body);
      return body;
    },
    async token(bytes) {
      const answer = await post(PATH, bytes);
      if (answer.status !== 200) throw refusal(answer);
      return readToken(answer);
    },
    async vouch(bytes) {
      const answer = await post(`${PATH}/guests`, bytes);
      if (answer.status !== 204) throw refusal(answer);
    },
    readNotice: (bytes) => trust.read(notice, bytes),
  };
}

function readToken({ body }: HttpAnswer): Awaited<ReturnType<TokenDesk['token']>> {
  let answer: { token?: unknown; expiresIn?: unknown; username?: unknown } | null;
  try {
    answer = JSON.parse(fromUtf8(body)) as typeof answer;
  } catch {
    // What it was might be a token: it stays out of the error.
    throw badAnswer('no token');
  }
  const { token, expiresIn, username } = answer ?? {};
  const isToken = typeof token === 'string' && token.length <= MAX_TOKEN_LENGTH;
  const isName = typeof username === 'string' && username.length <= MAX_NAME_LENGTH;
  if (isToken && isName && typeof expiresIn === 'number' && expiresIn > 0) return { token, expiresIn, username };
  throw badAnswer('no token');
}
