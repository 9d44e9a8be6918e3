import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { run } from '../../src/crypto/steps.js';
import { signTokenRequest, signVoucher } from '../../src/protocol/directory/index.js';
import { createKeyProvider } from '../../src/server/index.js';
import { createRoutes } from '../../src/server/key-provider/routes.js';
import { newcomer } from '../admission/desk.js';
import { manualClock, nextOf, provider, START } from '../directory/fixtures.js';
import { applicant, type Service, startService } from '../registration/service.js';

interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer';
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: false;
  readonly items?: Schema;
}

interface Answer {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: Schema }>>;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, Answer>>;
}

const file = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** What is wrong with `value`, by the part of JSON Schema that the file uses. */
function flaws(value: unknown, schema: Schema, at = '$'): string[] {
  if (schema.$ref) return flaws(value, file.components.schemas[schema.$ref.split('/').at(-1) ?? ''] as Schema, at);
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is none of ${schema.enum.join()}`];
  if (schema.type && typeOf(value) !== schema.type) return [`${at} is no ${schema.type}`];
  if (schema.pattern && !new RegExp(schema.pattern).test(String(value))) return [`${at} does not match`];
  if (Array.isArray(value)) return value.flatMap((item, i) => flaws(item, schema.items ?? {}, `${at}[${i}]`));
  if (typeOf(value) !== 'object') return [];
  const fields = value as Readonly<Record<string, unknown>>;
  const missing = (schema.required ?? []).filter((name) => !(name in fields)).map((name) => `${at}.${name} is missing`);
  const found = Object.entries(fields).flatMap(([name, field]) => {
    const known = schema.properties?.[name];
    if (known) return flaws(field, known, `${at}.${name}`);
    return schema.additionalProperties === false ? [`${at}.${name} is unknown`] : [];
  });
  return [...missing, ...found];
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (Number.isInteger(value)) return 'integer';
  return value === null ? 'null' : typeof value;
}

/** Everything that the file promises: `post /v1/registrations 202`. */
const promised = Object.entries(file.paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { responses }]) =>
    Object.keys(responses).map((status) => `${method} ${path} ${status}`),
  ),
);

test('the file has the routes of the service, and no others', () => {
  const parts = { registrations: { limits: {} }, admission: {}, limits: {}, keys: {}, clock: {} };
  const { routes } = createRoutes(parts as never);
  const served = routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const described = new Set(promised.map((each) => each.split(' ').slice(0, 2).join(' ')));
  expect([...new Set(served)].sort()).toEqual([...described].sort());
});

test('the service answers as the file says, with every status that it names', async () => {
  const seen = new Set<string>();
  const service = await startService({}, { admission: true });
  const ask = asking(service, seen);
  const alice = await applicant('alice', { email: 'alice@example.org' }, START);
  const next = await nextOf(alice.account, alice.account.record);
  const mallory = await applicant('alice', { email: 'mallory@example.org' }, START);
  const stale = await applicant('stale', { email: 'stale@example.org' }, START - 400);
  const registrations = '/v1/registrations';
  const code = () => service.mail.codes.at(-1) as string;
  const verify = `${registrations}/{id}/verify`;
  const large = new Uint8Array(200_000);

  await ask('put', '/v1/keys/{address}', 403, { address: 'alice' }, alice.account.record.bytes);
  await ask('post', registrations, 400, {}, '{}');
  await ask('post', registrations, 403, {}, JSON.stringify(stale.request));
  await ask('post', registrations, 413, {}, large);
  const { id } = (await ask('post', registrations, 202, {}, JSON.stringify(alice.request))) as { id: string };
  await ask('post', verify, 400, { id }, '{}');
  await ask('post', verify, 413, { id }, large);
  await ask('post', verify, 403, { id }, JSON.stringify({ code: code() === '00000000' ? '00000001' : '00000000' }));
  const infoOk = (await ask('post', verify, 200, { id }, JSON.stringify({ code: code() }))) as Uint8Array;
  await ask('post', verify, 410, { id }, JSON.stringify({ code: code() }));
  const thief = (await ask('post', registrations, 202, {}, JSON.stringify(mallory.request))) as { id: string };
  await ask('post', verify, 409, { id: thief.id }, JSON.stringify({ code: code() }));
  await ask('post', `${registrations}/renew`, 200, {}, infoOk);
  await ask('post', `${registrations}/renew`, 403, {}, new Uint8Array(10));
  await ask('post', `${registrations}/renew`, 413, {}, large);

  await ask('get', '/v1/keys/{address}', 200, { address: 'alice' });
  await ask('get', '/v1/keys/{address}', 200, { address: 'alice' }, undefined, '?format=json');
  await ask('get', '/v1/keys/{address}', 304, { address: 'alice' }, undefined, '', { 'If-None-Match': '*' });
  await ask('get', '/v1/keys/{address}', 400, { address: 'Alice' });
  await ask('get', '/v1/keys/{address}', 404, { address: 'bob' });
  await ask('put', '/v1/keys/{address}', 200, { address: 'alice' }, next.bytes);
  await ask('put', '/v1/keys/{address}', 409, { address: 'alice' }, alice.account.record.bytes);
  await ask('put', '/v1/keys/{address}', 400, { address: 'alice' }, new Uint8Array(10));
  await ask('put', '/v1/keys/{address}', 413, { address: 'alice' }, large);
  await ask('get', '/v1/time', 200, {}, undefined, `?nonce=${'A'.repeat(22)}`);
  await ask('get', '/v1/time', 400);
  await ask('get', '/v1/directory-key', 200);
  await ask('get', '/healthz', 200);
  await ask('get', '/.well-known/jwks.json', 200);

  const challenge = (await ask('get', '/v1/admission', 200)) as Uint8Array;
  const request = async (address: string, about = challenge, { account } = alice) =>
    run(signTokenRequest(provider, account.device.signKey, { challenge: about, address, clientId: 'id' }));
  await ask('post', '/v1/admission', 200, {}, await request('alice'));
  await ask('post', '/v1/admission', 400, {}, encodeCbor(7));
  await ask('post', '/v1/admission', 403, {}, await request('alice', new Uint8Array(32)));
  await ask('post', '/v1/admission', 404, {}, await request('bob'));
  const carol = await applicant('carol', { email: 'carol@example.org' }, START);
  const third = (await ask('post', registrations, 202, {}, JSON.stringify(carol.request))) as { id: string };
  await ask('post', verify, 200, { id: third.id }, JSON.stringify({ code: code() }));
  const another = (await ask('get', '/v1/admission', 200)) as Uint8Array;
  await ask('post', '/v1/admission', 409, {}, await request('carol', another, carol));
  await ask('post', '/v1/admission', 413, {}, large);

  const guests = '/v1/admission/guests';
  const guest = await newcomer(carol.account);
  const vouch = async (address: string) => {
    const fresh = (await ask('get', '/v1/admission', 200)) as Uint8Array;
    const voucher = { challenge: fresh, address, device: guest.entry };
    return run(signVoucher(provider, carol.account.identityKey, voucher));
  };
  await ask('post', guests, 204, {}, await vouch('carol'));
  await ask('post', guests, 400, {}, encodeCbor(7));
  await ask('post', guests, 403, {}, await vouch('alice'));
  await ask('post', guests, 404, {}, await vouch('bob'));
  await ask('post', guests, 413, {}, large);

  await freeAddress(seen);
  await limited(seen);
  expect([...seen].sort()).toEqual([...promised].sort());
});

type Ask = (
  method: string,
  path: string,
  status: number,
  values?: Readonly<Record<string, string>>,
  body?: Uint8Array | string,
  query?: string,
  headers?: Record<string, string>,
) => Promise<unknown>;

/** Asks the service, and holds the answer against the file. */
function asking({ server }: Pick<Service, 'server'>, seen: Set<string>): Ask {
  return async (method, path, status, values = {}, body = undefined, query = '', headers = {}) => {
    const url = `${server.url}${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')}${query}`;
    const sent = body === undefined ? {} : { body: body as BodyInit };
    const answer = await server.app(new Request(url, { method: method.toUpperCase(), headers, ...sent }));
    const name = `${method} ${path} ${answer.status}`;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const [operation, text] = [file.paths[path]?.[method], () => new TextDecoder().decode(bytes)];
    expect(name, text()).toBe(`${method} ${path} ${status}`);
    const described = operation?.responses[answer.status] ?? { content: {} };
    if (body !== undefined && status < 300) checkRequest(name, operation, body);
    for (const [header, { schema }] of Object.entries(described.headers ?? {})) {
      expect(flaws(answer.headers.get(header), schema), `${name} ${header}`).toEqual([]);
    }
    seen.add(name);
    const type = answer.headers.get('Content-Type')?.split(';')[0];
    if (!described.content) {
      expect([bytes.length, name]).toEqual([0, name]);
      return undefined;
    }
    const content = described.content[type ?? ''];
    expect(content, `${name} has ${type}`).toBeDefined();
    if (!type?.endsWith('json')) return bytes;
    const value: unknown = JSON.parse(text());
    expect(flaws(value, content?.schema ?? {}), name).toEqual([]);
    return value;
  };
}

/** What the service took is what the file describes. */
function checkRequest(name: string, operation: Operation | undefined, body: Uint8Array | string): void {
  const content = operation?.requestBody?.content ?? {};
  if (typeof body !== 'string') {
    expect(Object.keys(content), name).toEqual(['application/cose']);
    return;
  }
  expect(flaws(JSON.parse(body), content['application/json']?.schema ?? {}), name).toEqual([]);
}

/** Where everybody may claim a free address. */
async function freeAddress(seen: Set<string>): Promise<void> {
  const server = await createKeyProvider({ clock: manualClock() });
  const { account } = await applicant('carol', { email: 'carol@example.org' }, START);
  await asking({ server }, seen)('put', '/v1/keys/{address}', 201, { address: 'carol' }, account.record.bytes);
  await server.close();
}

/** Every route has its limit. */
async function limited(seen: Set<string>): Promise<void> {
  const never = { burst: 0.5, perSecond: 0.001 };
  const service = await startService({}, { admission: true, limits: { reads: never, writes: never } });
  const ask = asking(service, seen);
  for (const [path, operations] of Object.entries(file.paths)) {
    for (const method of Object.keys(operations)) {
      await ask(method, path, 429, { address: 'alice', id: 'A' }, method === 'get' ? undefined : '{}');
    }
  }
}
