import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import { readBounded } from '../../adapters/http/read-bounded.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { MAX_INFO_OK_BYTES } from '../../protocol/registration/info-ok.js';
import { errorAnswer } from '../key-provider/http-error.js';
import { type RateLimit, tooManyRequests } from '../key-provider/rate-limit.js';
import { type Registrations, TooSoon } from './registrations.js';
import { MAX_ANSWER_BYTES, MAX_REGISTRATION_BYTES, readCode, readRegistration } from './requests.js';

type Environment = { Bindings: Partial<HttpBindings> };

/** What the routes of a registration service work on. */
export interface RegistrationRouteParts {
  readonly provider: CryptoProvider;
  readonly registrations: Registrations;
  /** Whom the limits count a request for. */
  readonly clientOf: (context: Context<Environment>) => string;
}

const PATHS = ['/v1/registrations', '/v1/registrations/:id/verify', '/v1/registrations/renew'] as const;

/** Adds the routes of a registration service: all of them POST, for a GET changes nothing. */
export function addRegistrationRoutes(app: Hono<Environment>, parts: RegistrationRouteParts): void {
  const { provider, registrations, clientOf } = parts;
  const { limits } = registrations;
  const [start, verify, renew] = PATHS;

  /** The body, unless its sender asks too often. */
  async function admitted(context: Context<Environment>, limit: RateLimit, most: number): Promise<Uint8Array> {
    const wait = limit(clientOf(context));
    if (wait > 0) throw new TooSoon(wait);
    return readBounded(context.req.raw.body, most);
  }

  app.post(start, (context) =>
    patiently(async () => {
      const body = await admitted(context, limits.perNetwork, MAX_REGISTRATION_BYTES);
      const { expiresAt, ...started } = await registrations.start(await run(readRegistration(provider, body)));
      const answer = { ...started, expiresAt: new Date(expiresAt * 1000).toISOString() };
      return Response.json(answer, { status: 202, headers: NO_STORE });
    }),
  );
  app.post(verify, (context) =>
    patiently(async () => {
      const code = readCode(await admitted(context, limits.answers, MAX_ANSWER_BYTES));
      return coseAnswer(await registrations.verify(context.req.param('id'), code));
    }),
  );
  app.post(renew, (context) =>
    patiently(async () =>
      coseAnswer(await registrations.renew(await admitted(context, limits.answers, MAX_INFO_OK_BYTES))),
    ),
  );
  for (const path of PATHS)
    app.all(path, () => errorAnswer('METHOD_NOT_ALLOWED', 'allowed: POST', { Allow: 'POST, OPTIONS' }));
}

const NO_STORE = { 'Cache-Control': 'no-store' };

/** An answer that tells for how long to wait where a limit was met. */
async function patiently(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TooSoon) return tooManyRequests(error.wait);
    throw error;
  }
}

function coseAnswer(body: Uint8Array): Response {
  const headers = { ...NO_STORE, 'Content-Type': 'application/cose' };
  return new Response(body as Uint8Array<ArrayBuffer>, { headers });
}
