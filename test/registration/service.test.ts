import { describe, expect, it } from 'vitest';
import { toBase64url } from '../../src/bytes/base64url.js';
import { CODE_LIFE, infoOk } from '../../src/protocol/registration/index.js';
import { readUnverified } from '../../src/protocol/statement.js';
import { createKeyProvider } from '../../src/server/index.js';
import { codeOf, nextOf, provider, START } from '../directory/fixtures.js';
import { anonymousApplicant, applicant, outcome, outgoing, requestFor, type Service, startService } from './service.js';

const ALICE = { email: 'alice@example.org' };
const DAY = 24 * 3600;

/** Registers with the code that was sent last; the Info OK. */
async function register(service: Service, request: object): Promise<Uint8Array> {
  const id = await service.start(request);
  const answer = await service.answer(id, service.mail.codes.at(-1) as string);
  if (answer.status !== 200) throw new Error(await answer.text());
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
  return new Uint8Array(await answer.arrayBuffer());
}

function published(service: Service, address: string): Promise<Response> {
  return service.server.app(new Request(`${service.server.url}/v1/keys/${address}`));
}

function put(service: Service, address: string, bytes: Uint8Array): Promise<Response> {
  const body = bytes as Uint8Array<ArrayBuffer>;
  return service.server.app(new Request(`${service.server.url}/v1/keys/${address}`, { method: 'PUT', body }));
}

describe('a named service', () => {
  it('sends a code and, once it is answered, publishes the record and hands out an Info OK', async () => {
    const service = await startService();
    const { account, request } = await applicant('alice', ALICE, START);
    const answer = await service.post('', JSON.stringify(request));
    const started = (await answer.json()) as { id: string; expiresAt: string; digits: number };
    expect([answer.status, started.digits, Date.parse(started.expiresAt)]).toEqual([
      202,
      8,
      (START + CODE_LIFE) * 1000,
    ]);
    const [message] = service.mail.messages;
    expect(message).toMatchObject({ to: 'alice@example.org', expiresAt: START + CODE_LIFE });
    expect(message?.text).toContain(`${message?.code} is the code to register the address "alice"`);
    expect((await published(service, 'alice')).status).toBe(404);
    expect(await service.server.registered('alice')).toBe(false);

    const ok = await service.answer(started.id, message?.code ?? '');
    const bytes = new Uint8Array(await ok.arrayBuffer());
    const { identity, bytes: record } = account.record;
    const expected = { address: 'alice', identity, issuedAt: START, expiresAt: START + 90 * DAY };
    expect(await service.server.checkInfoOk(bytes)).toEqual(expected);
    expect(new Uint8Array(await (await published(service, 'alice')).arrayBuffer())).toEqual(record);
    expect(await service.server.registered('alice')).toBe(true);
    expect(service.failures).toEqual([]);
  });

  it('takes a first record with a code only, and later ones as ever', async () => {
    const service = await startService();
    const { account, request } = await applicant('alice', ALICE, START);
    expect(await outcome(put(service, 'alice', account.record.bytes))).toEqual([403, 'DIRECTORY_REFUSED']);
    await register(service, request);
    const next = await nextOf(account, account.record);
    expect((await put(service, 'alice', next.bytes)).status).toBe(200);
  });

  it('judges a record by when it was handed in: typing a code may take nine minutes', async () => {
    const service = await startService();
    const late = await applicant('alice', ALICE, START - 301);
    expect(await outcome(service.post('', JSON.stringify(late.request)))).toEqual([403, 'DIRECTORY_REFUSED']);
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    service.clock.advance(CODE_LIFE - 1);
    expect((await service.answer(id, service.mail.codes[0] as string)).status).toBe(200);
  });

  it('asks the claim policy of the operator as well', async () => {
    const service = await startService({}, { claimPolicy: () => ({ refused: 'not on the list' }) });
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    expect(await outcome(service.answer(id, service.mail.codes[0] as string))).toEqual([403, 'DIRECTORY_REFUSED']);
  });

  it('registers by telephone where it can, and says so where it cannot', async () => {
    const phone = outgoing();
    const service = await startService({ phone, digits: 6 });
    const { request } = await applicant('alice', { phone: '+49 151 1234-5678' }, START);
    const id = await service.start(request);
    expect(phone.messages[0]).toMatchObject({ to: '+4915112345678', code: expect.stringMatching(/^\d{6}$/) });
    expect((await service.answer(id, phone.codes[0] as string)).status).toBe(200);
    const mailOnly = await startService();
    expect(await outcome(mailOnly.post('', JSON.stringify(request)))).toEqual([400, 'USAGE_INVALID_ARGUMENT']);
  });

  it('registers the same identity again, after a lost answer say', async () => {
    const service = await startService();
    const { request } = await applicant('alice', ALICE, START);
    await register(service, request);
    service.clock.advance(60);
    expect(readUnverified(infoOk, await register(service, request)).issuedAt).toBe(START + 60);
  });
});

describe('an anonymous service', () => {
  it('keeps no record, and knows the id when it is asked', async () => {
    const service = await startService({ mode: 'anonymous' });
    const { account, request } = await anonymousApplicant('alice', ALICE, START);
    const { address } = account.record;
    const bytes = await register(service, request);
    expect(await service.server.checkInfoOk(bytes)).toMatchObject({ address, identity: account.record.identity });
    expect(await service.server.registered(address)).toBe(true);
    expect(await service.server.registered(`~${'a'.repeat(52)}`)).toBe(false);
    expect((await published(service, address)).status).toBe(404);
    expect(await outcome(put(service, address, account.record.bytes))).toEqual([403, 'DIRECTORY_REFUSED']);
    const [message] = service.mail.messages;
    expect(message?.text).not.toMatch(/~|alice/);
  });

  it('registers ids that are made of what was shown only', async () => {
    const service = await startService({ mode: 'anonymous' });
    const { account, request } = await anonymousApplicant('alice', ALICE, START);
    const other = await requestFor(account, 'alice', ALICE, provider.randomBytes(32));
    const wrong = [
      other,
      { ...request, userId: 'bob' },
      { ...request, email: 'bob@example.org' },
      { ...request, salt: other.salt },
      { ...request, verificationHash: other.verificationHash },
    ];
    for (const body of wrong) {
      expect(await outcome(service.post('', JSON.stringify(body)))).toEqual([400, 'USAGE_INVALID_ARGUMENT']);
    }
    expect(service.mail.messages).toEqual([]);
  });

  it('takes no names, as a named one takes no ids', async () => {
    const anonymous = await startService({ mode: 'anonymous' });
    const named = await startService();
    const name = JSON.stringify((await applicant('alice', ALICE, START)).request);
    const id = JSON.stringify((await anonymousApplicant('alice', ALICE, START)).request);
    expect(await outcome(anonymous.post('', name))).toEqual([403, 'DIRECTORY_REFUSED']);
    expect(await outcome(named.post('', id))).toEqual([403, 'DIRECTORY_REFUSED']);
  });

  it('lets a second registration of a mailbox take the place of the first', async () => {
    const service = await startService({ mode: 'anonymous' });
    const [first, second] = [
      await anonymousApplicant('alice', ALICE, START),
      await anonymousApplicant('alice', { email: 'Alice@EXAMPLE.org' }, START),
    ];
    const old = await register(service, first.request);
    await register(service, second.request);
    expect(await codeOf(service.server.checkInfoOk(old))).toBe('DIRECTORY_REFUSED');
    const isKnown = async ({ account }: typeof first) => service.server.registered(account.record.address);
    expect([await isKnown(first), await isKnown(second)]).toEqual([false, true]);
    expect(await outcome(service.post('/renew', old as Uint8Array<ArrayBuffer>))).toEqual([403, 'DIRECTORY_REFUSED']);
    await register(service, first.request);
    expect([await isKnown(first), await isKnown(second)]).toEqual([true, false]);
  });

  it('keeps nothing of a mailbox if it is told to', async () => {
    const service = await startService({ mode: 'anonymous', perVerificationId: false });
    const ids = [await anonymousApplicant('a', ALICE, START), await anonymousApplicant('b', ALICE, START)];
    for (const { request } of ids) await register(service, request);
    for (const { account } of ids) expect(await service.server.registered(account.record.address)).toBe(true);
  });
});

describe('renewal', () => {
  const renewed = (service: Service, bytes: Uint8Array) =>
    service.post('/renew', bytes as Uint8Array<ArrayBuffer>, { 'Content-Type': 'application/cose' });

  it.each(['named', 'anonymous'] as const)('of an Info OK of a %s service, also after its end', async (mode) => {
    const service = await startService({ mode, infoOkLife: 10 * DAY });
    const someone = mode === 'named' ? applicant : anonymousApplicant;
    const first = await register(service, (await someone('alice', ALICE, START)).request);
    service.clock.advance(5 * DAY);
    const second = new Uint8Array(await (await renewed(service, first)).arrayBuffer());
    expect((await service.server.checkInfoOk(second)).expiresAt).toBe(START + 15 * DAY);
    service.clock.advance(20 * DAY);
    expect(await codeOf(service.server.checkInfoOk(second))).toBe('DIRECTORY_STALE');
    const third = new Uint8Array(await (await renewed(service, second)).arrayBuffer());
    expect((await service.server.checkInfoOk(third)).expiresAt).toBe(START + 35 * DAY);
  });

  it('is for genuine ones', async () => {
    const service = await startService();
    const other = await startService();
    const foreign = await register(other, (await applicant('alice', ALICE, START)).request);
    for (const bytes of [foreign, new Uint8Array(), new Uint8Array(2048), new Uint8Array(2049)]) {
      const [status] = await outcome(renewed(service, bytes));
      expect(status).toBe(bytes.length > 2048 ? 413 : 403);
    }
  });

  it('keeps an id in the filter; without it, it is forgotten after two generations', async () => {
    const service = await startService({
      mode: 'anonymous',
      infoOkLife: 10 * DAY,
      filter: { capacity: 1000, generation: 10 * DAY },
    });
    const [kept, lost] = [
      await anonymousApplicant('a', { email: 'a@example.org' }, START),
      await anonymousApplicant('b', { email: 'b@example.org' }, START),
    ];
    let bytes = await register(service, kept.request);
    const old = await register(service, lost.request);
    for (let i = 0; i < 5; i++) {
      service.clock.advance(5 * DAY);
      bytes = new Uint8Array(await (await renewed(service, bytes)).arrayBuffer());
    }
    expect(await service.server.registered(kept.account.record.address)).toBe(true);
    expect(await service.server.registered(lost.account.record.address)).toBe(false);
    expect(await outcome(renewed(service, old))).toEqual([403, 'DIRECTORY_REFUSED']);
  });

  it('works on after the directory has rolled over to another key', async () => {
    const service = await startService({ mode: 'anonymous' });
    const bytes = await register(service, (await anonymousApplicant('alice', ALICE, START)).request);
    await service.server.rotateDirectoryKey({ overlap: DAY });
    service.clock.advance(2 * DAY);
    const next = new Uint8Array(await (await renewed(service, bytes)).arrayBuffer());
    expect((await service.server.checkInfoOk(next)).issuedAt).toBe(START + 2 * DAY);
  });
});

describe('what is asked for', () => {
  it('is refused with a typed answer where it is malformed', async () => {
    const service = await startService();
    const { request } = await applicant('alice', ALICE, START);
    const wrong: unknown[] = [
      ...['', '[]', 'null', '7', '{', JSON.stringify({})],
      ...[{ userId: 'Alice' }, { userId: 7 }, { salt: 'AAAA' }, { salt: undefined }, { record: '!' }].map((change) =>
        JSON.stringify({ ...request, ...change }),
      ),
      ...[{ email: 'alice' }, { email: undefined }, { phone: '+4915112345678' }].map((change) =>
        JSON.stringify({ ...request, ...change }),
      ),
    ];
    for (const body of wrong) {
      expect(await outcome(service.post('', body as string))).toEqual([400, 'USAGE_INVALID_ARGUMENT']);
    }
    const garbled = JSON.stringify({ ...request, record: toBase64url(new Uint8Array(100)) });
    expect((await outcome(service.post('', garbled)))[0]).toBe(400);
    expect(await outcome(service.post('', 'x'.repeat(200_000)))).toEqual([413, 'DECODE_TOO_LARGE']);
    for (const body of ['{}', '{"code":7}', '{"code":"12345"}', '{"code":"123456789"}', '{"code":"12345a"}']) {
      expect(await outcome(service.post('/AAAA/verify', body))).toEqual([400, 'USAGE_INVALID_ARGUMENT']);
    }
  });

  it('is never a GET, nor any other method', async () => {
    const service = await startService();
    for (const path of ['', '/AAAA/verify', '/renew']) {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const answer = await service.server.app(
          new Request(`${service.server.url}/v1/registrations${path}`, { method }),
        );
        expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'POST, OPTIONS']);
      }
    }
  });

  it('has no route where people register by publishing', async () => {
    const open = await createKeyProvider();
    const answer = await open.app(new Request(`${open.url}/v1/registrations`, { method: 'POST', body: '{}' }));
    expect(answer.status).toBe(404);
    await open.close();
  });

  it('needs a service that can send', async () => {
    for (const registration of [
      { mode: 'named' as const },
      { mode: 'named' as const, email: outgoing(), digits: 5 },
      { mode: 'named' as const, email: outgoing(), perVerificationId: 0 },
      { mode: 'anonymous' as const, email: outgoing(), filter: { generation: DAY } },
      { mode: 'anonymous' as const, email: outgoing(), filter: { capacity: 0 } },
      { mode: 'named' as const, email: outgoing(), key: new Uint8Array(31) },
    ]) {
      expect(await codeOf(createKeyProvider({ registration }))).toBe('USAGE_INVALID_ARGUMENT');
    }
  });
});
