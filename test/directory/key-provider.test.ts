import { afterEach, describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url } from '../../src/bytes/base64url.js';
import { concat } from '../../src/bytes/bytes.js';
import { decodeCbor } from '../../src/bytes/cbor.js';
import { readPublicKey } from '../../src/cose/key.js';
import { run } from '../../src/crypto/steps.js';
import { freshness, negative, type StatementKind, time, verifyStatement } from '../../src/protocol/directory/index.js';
import { createKeyProvider, type KeyProvider, type KeyProviderOptions } from '../../src/server/key-provider/index.js';
import { accountOf, codeOf, manualClock, nextOf, provider, START } from './fixtures.js';

const running: KeyProvider[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(options: KeyProviderOptions = {}): Promise<KeyProvider> {
  const server = await createKeyProvider({ clock: manualClock(), ...options });
  running.push(server);
  return server;
}

function ask(server: KeyProvider, path: string, init?: RequestInit): Promise<Response> {
  return server.app(new Request(new URL(path, server.url), init));
}

function put(server: KeyProvider, address: string, body: Uint8Array): Promise<Response> {
  return ask(server, `/v1/keys/${address}`, { method: 'PUT', body: body as Uint8Array<ArrayBuffer> });
}

async function stated<T>(server: KeyProvider, kind: StatementKind<T>, bytes: Uint8Array): Promise<T> {
  const key = readPublicKey(decodeCbor(server.directoryKey.publicKey));
  return run(verifyStatement(provider, [key], kind, bytes));
}

function beside(answer: Response): Uint8Array {
  return fromBase64url(answer.headers.get('SealMQ-Freshness') ?? '');
}

describe('GET /v1/keys/:address', () => {
  it('answers the record with its tag, its life and a signed statement', async () => {
    const server = await start({ maxAge: 120 });
    const { record } = await accountOf('alice');
    expect((await put(server, 'alice', record.bytes)).status).toBe(201);
    const answer = await ask(server, '/v1/keys/alice');
    expect(answer.headers.get('Content-Type')).toBe('application/cose');
    expect(answer.headers.get('ETag')).toBe(`"${toBase64url(record.hash)}"`);
    expect(answer.headers.get('Cache-Control')).toBe('public, max-age=120, stale-while-revalidate=60');
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(record.bytes);
    const said = { address: 'alice', record: record.hash, version: 1, servedAt: START, maxAge: 120 };
    expect(await stated(server, freshness, beside(answer))).toEqual(said);
  });

  it('answers 304 to who has it, with a fresh statement each second', async () => {
    const clock = manualClock();
    const server = await start({ clock });
    const { record } = await accountOf('alice');
    await put(server, 'alice', record.bytes);
    const headers = { 'If-None-Match': `"other", W/"${toBase64url(record.hash)}"` };
    const first = await ask(server, '/v1/keys/alice', { headers });
    clock.advance(1);
    const second = await ask(server, '/v1/keys/alice', { headers });
    expect([first.status, second.status, await second.text()]).toEqual([304, 304, '']);
    expect((await stated(server, freshness, beside(first))).servedAt).toBe(START);
    expect((await stated(server, freshness, beside(second))).servedAt).toBe(START + 1);
    const stale = await ask(server, '/v1/keys/alice', { headers: { 'If-None-Match': '"other"' } });
    expect(stale.status).toBe(200);
  });

  it('states under its signature that nobody has claimed an address', async () => {
    const server = await start();
    const answer = await ask(server, '/v1/keys/bob');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
    expect(await stated(server, negative, beside(answer))).toEqual({ address: 'bob', servedAt: START, maxAge: 30 });
  });

  it.each([
    ['?format=json', {}],
    ['', { Accept: 'text/html,*/*' }],
    ['', { Accept: 'application/json' }],
  ])('shows people a view of it (%s %o)', async (query, headers) => {
    const server = await start();
    const { record } = await accountOf('alice');
    await put(server, 'alice', record.bytes);
    const answer = await ask(server, `/v1/keys/alice${query}`, { headers });
    const view = (await answer.json()) as { address: string; devices: unknown[] };
    expect(view).toMatchObject({ address: 'alice', version: 1, hash: toBase64url(record.hash) });
    expect(view.devices).toHaveLength(1);
    expect(answer.headers.get('ETag')).toBeNull();
  });

  it('answers HEAD without a body', async () => {
    const server = await start();
    await put(server, 'alice', (await accountOf('alice')).record.bytes);
    const answer = await ask(server, '/v1/keys/alice', { method: 'HEAD' });
    expect([answer.status, await answer.text(), answer.headers.has('SealMQ-Freshness')]).toEqual([200, '', true]);
  });
});

describe('the other routes', () => {
  it('tell the time to who brings a nonce', async () => {
    const clock = manualClock();
    const server = await start({ clock });
    const nonce = provider.randomBytes(16);
    const answer = await ask(server, `/v1/time?nonce=${toBase64url(nonce)}`);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    const body = new Uint8Array(await answer.arrayBuffer());
    expect(await stated(server, time, body)).toEqual({ nonce, now: clock.now() });
    for (const bad of ['', 'AAAA', 'A'.repeat(88), '!'.repeat(24)]) {
      expect((await ask(server, `/v1/time?nonce=${bad}`)).status).toBe(400);
    }
  });

  it('say that the service is well', async () => {
    const server = await start();
    expect(await (await ask(server, '/healthz')).json()).toMatchObject({ ok: true });
  });

  it('answer 404 and 405 with a typed body', async () => {
    const server = await start();
    const lost = await ask(server, '/v2/keys');
    expect([lost.status, await lost.json()]).toEqual([404, { code: 'NO_SUCH_ROUTE', message: 'no route /v2/keys' }]);
    const denied = await ask(server, '/v1/keys/alice', { method: 'DELETE' });
    expect([denied.status, denied.headers.get('Allow')]).toEqual([405, 'GET, HEAD, PUT']);
    expect(await denied.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
    expect((await ask(server, '/v1/time', { method: 'PUT' })).status).toBe(405);
  });

  it('let browsers of other origins in, and see what they need', async () => {
    const server = await start();
    const preflight = await ask(server, '/v1/keys/alice', {
      method: 'OPTIONS',
      headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PUT' },
    });
    expect(preflight.headers.get('Access-Control-Allow-Methods')).toContain('PUT');
    const answer = await ask(server, '/v1/keys/alice', { headers: { Origin: 'https://app.example' } });
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(answer.headers.get('Access-Control-Expose-Headers')).toMatch(/ETag.*SealMQ-Freshness/);
  });
});

describe('what a stranger can do', () => {
  it.each(['..%2f..%2fetc', '%2e%2e', 'Alice', 'a%00b', 'a%2b', 'room', '~short', 'x'.repeat(65)])(
    'not with the address %s',
    async (address) => {
      const server = await start();
      for (const method of ['GET', 'PUT']) {
        const answer = await ask(server, `/v1/keys/${address}`, { method, ...(method === 'PUT' && { body: 'x' }) });
        expect([answer.status, (await answer.json()).code]).toEqual(
          address === '%2e%2e' ? [404, 'NO_SUCH_ROUTE'] : [400, 'USAGE_INVALID_ADDRESS'],
        );
      }
    },
  );

  it('not with a body without end', async () => {
    const server = await start();
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 16_384;
        controller.enqueue(new Uint8Array(16_384));
      },
    });
    const answer = await ask(server, '/v1/keys/alice', { method: 'PUT', body: endless, duplex: 'half' } as RequestInit);
    expect([answer.status, (await answer.json()).code]).toEqual([413, 'DECODE_TOO_LARGE']);
    expect(sent).toBeLessThan(200_000);
  });

  it('not by asking too often', async () => {
    const clock = manualClock();
    const limits = {
      reads: { burst: 2, perSecond: 0.5 },
      writes: { burst: 1, perSecond: 1 },
      clientHeader: 'X-Client',
    };
    const server = await start({ clock, limits });
    const from = (client: string) => ask(server, '/v1/keys/alice', { headers: { 'X-Client': client } });
    await from('2001:db8::1');
    await from('2001:db8::2');
    const refused = await from('2001:db8:0:0:ffff::3');
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '2']);
    expect(await refused.json()).toMatchObject({ code: 'DIRECTORY_RATE_LIMITED' });
    expect((await from('2001:db8:0:1::1')).status).toBe(404);
    expect((await from('192.0.2.1')).status).toBe(404);
    clock.advance(2);
    expect((await from('2001:db8::1')).status).toBe(404);
  });

  it('not learn what went wrong inside', async () => {
    const failures: unknown[] = [];
    const onError = (error: unknown) => failures.push(error);
    const claimPolicy = () => {
      throw new TypeError('the secret of the policy');
    };
    const server = await start({ onError, claimPolicy });
    const answer = await put(server, 'alice', (await accountOf('alice')).record.bytes);
    expect([answer.status, await answer.json()]).toEqual([500, { code: 'INTERNAL', message: 'internal error' }]);
    expect(failures).toEqual([new TypeError('the secret of the policy')]);
  });
});

describe('PUT /v1/keys/:address', () => {
  it('tells a claim, a repetition and a next version apart', async () => {
    const server = await start();
    const account = await accountOf('alice');
    const second = await nextOf(account, account.record);
    const kinds = [];
    for (const { bytes } of [account.record, account.record, second, second]) {
      kinds.push(await (await put(server, 'alice', bytes)).json());
    }
    expect(kinds.map(({ kind }) => kind)).toEqual(['first', 'repeated', 'next', 'repeated']);
    const old = await put(server, 'alice', account.record.bytes);
    expect([old.status, (await old.json()).code]).toEqual([409, 'DIRECTORY_CONFLICT']);
  });

  it('takes new records only, by its own clock', async () => {
    const clock = manualClock();
    const server = await start({ clock });
    const early = await accountOf('alice', START - 301);
    const ahead = await accountOf('alice', START + 301);
    for (const { record } of [early, ahead]) {
      const answer = await put(server, 'alice', record.bytes);
      expect([answer.status, (await answer.json()).code]).toEqual([403, 'DIRECTORY_REFUSED']);
    }
    const { record } = await accountOf('alice', START - 299);
    expect((await put(server, 'alice', record.bytes)).status).toBe(201);
    clock.advance(3600);
    expect((await put(server, 'alice', record.bytes)).status).toBe(200);
  });

  it('never frees the address of an expired record', async () => {
    const clock = manualClock();
    const server = await start({ clock });
    await put(server, 'alice', (await accountOf('alice')).record.bytes);
    clock.advance(10 * 365 * 24 * 3600);
    const late = await accountOf('alice', clock.seconds());
    expect((await put(server, 'alice', late.record.bytes)).status).toBe(409);
  });

  it('refuses what is malformed, forged, or of somebody else', async () => {
    const server = await start();
    const { record } = await accountOf('alice');
    const forged = record.bytes.slice();
    forged.set([(forged.at(-1) ?? 0) ^ 1], forged.length - 1);
    const answers = [
      await put(server, 'alice', forged),
      await put(server, 'alice', concat(record.bytes, Uint8Array.of(0))),
      await put(server, 'bob', record.bytes),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
    const codes = await Promise.all(answers.map(async (answer) => (await answer.json()).code));
    expect(codes).toEqual(['VERIFY_SIGNATURE', 'DECODE_CBOR', 'USAGE_INVALID_ARGUMENT']);
  });

  it('asks the policy, with what the request brought', async () => {
    const seen: unknown[] = [];
    const server = await start({
      async claimPolicy({ record, current, headers }) {
        seen.push([record.version, current?.version, headers.get('Authorization')]);
        return record.address === 'alice' ? 'allow' : { refused: 'not on the list' };
      },
    });
    const alice = await accountOf('alice');
    await put(server, 'alice', alice.record.bytes);
    await put(server, 'alice', (await nextOf(alice, alice.record)).bytes);
    const body = (await accountOf('bob')).record.bytes as Uint8Array<ArrayBuffer>;
    const refused = await ask(server, '/v1/keys/bob', { method: 'PUT', body, headers: { Authorization: 'token' } });
    expect([refused.status, await refused.json()]).toEqual([
      403,
      { code: 'DIRECTORY_REFUSED', message: 'not on the list' },
    ]);
    expect(seen).toEqual([
      [1, undefined, null],
      [2, 1, null],
      [1, undefined, 'token'],
    ]);
  });
});

describe('createKeyProvider', () => {
  it('serves other machines with TLS, or when told that a proxy has it', async () => {
    expect(await codeOf(createKeyProvider({ host: '0.0.0.0' }))).toBe('USAGE_INVALID_ARGUMENT');
    const server = await start({ host: '0.0.0.0', allowInsecure: true });
    expect(server.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });

  it('says when the port is taken', async () => {
    const { url } = await start();
    expect(await codeOf(createKeyProvider({ port: Number(new URL(url).port) }))).toBe('TRANSPORT_REFUSED');
  });
});
