import { fromBase64url } from '../../src/bytes/base64url.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { run } from '../../src/crypto/steps.js';
import { readUnverified, signStatement, time } from '../../src/protocol/directory/index.js';
import { accountOf, provider } from './fixtures.js';
import type { Passing } from './tampering-server.js';

/** What may be wrong with an answer that tells a false time. */
export const FALSE_TIMES = ['unsigned', 'signed by somebody else', 'changed under the signature'] as const;

/** Replaces the answer to a question for the time by a false one; leaves other answers alone. @param by - milliseconds */
export async function tellFalseTime(answer: Passing, kind: (typeof FALSE_TIMES)[number], by: number): Promise<void> {
  if (!answer.path.startsWith('/v1/time')) return;
  const nonce = fromBase64url(new URL(answer.path, 'http://directory').searchParams.get('nonce') ?? '');
  const right = readUnverified(time, answer.body).now;
  const content = { nonce, now: right + by };
  if (kind === 'unsigned') answer.body = encodeCbor(time.encode(content));
  else if (kind === 'signed by somebody else') {
    const { device } = await accountOf('mallory');
    answer.body = await run(signStatement(provider, device.signKey, time, content));
  } else {
    const body = Buffer.from(answer.body);
    const [before, after] = [encodeCbor(right), encodeCbor(content.now)];
    body.set(after, body.indexOf(before));
    answer.body = new Uint8Array(body);
  }
}
