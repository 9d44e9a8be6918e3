import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { readBounded } from '../../adapters/http/read-bounded.js';
import { fromBase64url } from '../../bytes/base64url.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import { assertAddress, assertRecordAddress } from '../../protocol/address.js';
import { MAX_REQUEST_BYTES } from '../../protocol/directory/admission.js';
import { MAX_VOUCHER_BYTES } from '../../protocol/directory/guest.js';
import { MAX_NONCE_BYTES, MIN_NONCE_BYTES, time } from '../../protocol/directory/statements.js';
import { encodeKeyLists } from '../../protocol/directory/trust.js';
import { MAX_RECORD_BYTES } from '../../protocol/identity/record.js';
import type { AdmissionDesk } from '../admission/admission.js';
import type { Registrations } from '../registration/registrations.js';
import { addRegistrationRoutes } from '../registration/routes.js';
import type { DirectoryKeys } from './directory-keys.js';
import { errorAnswer, failureAnswer } from './http-error.js';
import type { RateLimits } from './options.js';
import { addressOf, rateLimit, tooManyRequests } from './rate-limit.js';
import { FRESHNESS_HEADER, type RecordAnswers } from './record-answer.js';
import type { Records } from './records.js';

/** What the routes work on. */
export interface RouteParts {
  readonly records: Records;
  readonly answers: RecordAnswers;
  readonly keys: DirectoryKeys;
  readonly admission: AdmissionDesk | undefined;
  readonly limits: RateLimits;
  readonly provider: CryptoProvider;
  /** Where people register by a challenge. */
  readonly registrations: Registrations | undefined;
  readonly clock: Clock;
  /** Rejects when the store does not answer. */
  readonly probe: () => Promise<unknown>;
  /** Told of what goes wrong on this side. */
  readonly report: (error: unknown) => void;
}

/** The socket is at hand behind Node's listener only. */
type Environment = { Bindings: Partial<HttpBindings> };
type Handler = (context: Context<Environment>) => Promise<Response>;

const READ = 'GET, HEAD';
const READ_AND_WRITE = 'GET, HEAD, PUT';
const READ_AND_POST = 'GET, HEAD, POST';
const WRITES = ['PUT', 'POST'];
const DEFAULT_READS = { burst: 500, perSecond: 100 };
const DEFAULT_WRITES = { burst: 60, perSecond: 2 };
const DEFAULT_CLIENTS = 50_000;

/** How long brokers may keep the keys of tokens, in seconds. */
const JWKS_LIFE = 300;

/** The HTTP interface of a key provider (`docs/openapi.json`). */
export function createRoutes(parts: RouteParts): Hono<Environment> {
  const { keys, clock, registrations } = parts;
  const app = new Hono<Environment>();
  app.use(
    cors({
      origin: '*',
      allowMethods: ['GET', 'HEAD', 'PUT', 'POST'],
      allowHeaders: ['Accept', 'Authorization', 'Content-Type', 'If-None-Match'],
      exposeHeaders: ['ETag', 'Retry-After', FRESHNESS_HEADER],
      maxAge: 86_400,
    }),
  );
  app.use(limited(parts));
  app.use(async (context, next) => {
    await next();
    context.header('X-Content-Type-Options', 'nosniff');
  });
  app.on(['GET', 'PUT'], '/v1/keys/:address', keyRoute(parts));
  app.get('/v1/time', async (context) => {
    const nonce = readNonce(context.req.query('nonce'));
    return coseAnswer(await keys.sign(time, { nonce, now: Math.floor(clock.now()) }), 'no-store');
  });
  app.get('/v1/directory-key', async () => coseAnswer(encodeKeyLists(await keys.lists()), 'no-cache'));
  app.get('/healthz', async (context) => {
    await parts.probe();
    return context.json({ ok: true, directoryKey: keys.current().thumbprint }, 200, { 'Cache-Control': 'no-store' });
  });
  if (parts.admission) admissionRoutes(app, parts.admission);
  for (const path of ['/v1/keys/:address', '/v1/time', '/v1/directory-key', '/healthz']) {
    const allow = path.startsWith('/v1/keys') ? READ_AND_WRITE : READ;
    app.all(path, () => wrongMethod(allow));
  }
  if (registrations) {
    const clientOf = (context: Context<Environment>) => clientIn(context, parts.limits.clientHeader);
    addRegistrationRoutes(app, { provider: parts.provider, registrations, clientOf });
  }
  app.notFound((context) => errorAnswer('NO_SUCH_ROUTE', `no route ${context.req.path}`));
  app.onError((error) => failureAnswer(error, parts.report));
  return app;
}

/** Challenges, tokens, and what verifies the tokens. */
function admissionRoutes(app: Hono<Environment>, admission: AdmissionDesk): void {
  app.get('/v1/admission', async () => coseAnswer(await admission.challenge(), 'no-store'));
  app.post('/v1/admission', async ({ req }) => {
    const token = await admission.admit(await readBounded(req.raw.body, MAX_REQUEST_BYTES));
    return Response.json(token, { headers: { 'Cache-Control': 'no-store' } });
  });
  app.post('/v1/admission/guests', async ({ req }) => {
    await admission.vouch(await readBounded(req.raw.body, MAX_VOUCHER_BYTES));
    return new Response(null, { status: 204 });
  });
  app.get('/.well-known/jwks.json', () =>
    Response.json(admission.jwks(), {
      headers: { 'Content-Type': 'application/jwk-set+json', 'Cache-Control': `public, max-age=${JWKS_LIFE}` },
    }),
  );
  const methods = { '/v1/admission': READ_AND_POST, '/v1/admission/guests': 'POST', '/.well-known/jwks.json': READ };
  for (const [path, allow] of Object.entries(methods)) app.all(path, () => wrongMethod(allow));
}

function wrongMethod(allow: string): Response {
  return errorAnswer('METHOD_NOT_ALLOWED', `allowed: ${allow}`, { Allow: allow });
}

/** Reads or writes a key record. */
function keyRoute({ records, answers }: RouteParts): Handler {
  const read: Handler = async ({ req }) => {
    const address = assertRecordAddress(req.param('address'));
    const record = await records.get(address);
    return record ? answers.found(record, req.raw) : answers.notFound(address);
  };
  const write: Handler = async ({ req }) => {
    const address = assertAddress(req.param('address'));
    const bytes = await readBounded(req.raw.body, MAX_RECORD_BYTES);
    const kind = await records.publish(address, bytes, req.raw.headers);
    return Response.json({ address, kind }, { status: kind === 'first' ? 201 : 200 });
  };
  return (context) => (context.req.method === 'PUT' ? write(context) : read(context));
}

/** Refuses clients that ask too often: 429 with Retry-After. */
function limited({ limits, clock }: RouteParts): MiddlewareHandler<Environment> {
  const { reads = DEFAULT_READS, writes = DEFAULT_WRITES, clients = DEFAULT_CLIENTS, clientHeader } = limits;
  const now = () => clock.now();
  const forReading = rateLimit(reads, clients, now);
  const forWriting = rateLimit(writes, clients, now);
  return async (context, next) => {
    const isWrite = WRITES.includes(context.req.method);
    const wait = (isWrite ? forWriting : forReading)(clientIn(context, clientHeader));
    return wait === 0 ? next() : tooManyRequests(wait);
  };
}

/** Whom the limits count a request for. */
function clientIn({ req, env }: Context<Environment>, clientHeader: string | undefined): string {
  const stated = clientHeader === undefined ? undefined : req.header(clientHeader);
  return addressOf(env?.incoming?.socket.remoteAddress, stated);
}

function readNonce(text: string | undefined): Uint8Array {
  // No longer text than the longest nonce has is decoded.
  const nonce = fromBase64url((text ?? '').slice(0, 2 * MAX_NONCE_BYTES));
  if (nonce.length >= MIN_NONCE_BYTES && nonce.length <= MAX_NONCE_BYTES) return nonce;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a nonce is 16 to 64 bytes of base64url');
}

function coseAnswer(body: Uint8Array, cacheControl: string): Response {
  const headers = { 'Content-Type': 'application/cose', 'Cache-Control': cacheControl };
  return new Response(body as Uint8Array<ArrayBuffer>, { headers });
}
