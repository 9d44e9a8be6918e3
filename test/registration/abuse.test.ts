import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { toBase64url } from '../../src/bytes/base64url.js';
import type { Store } from '../../src/ports/store.js';
import { CODE_LIFE } from '../../src/protocol/registration/index.js';
import { createKeyProvider, type RegistrationLimits } from '../../src/server/index.js';
import { createPendingTable } from '../../src/server/registration/pending.js';
import { accountOf, manualClock, provider, START } from '../directory/fixtures.js';
import { anonymousApplicant, applicant, outcome, outgoing, requestFor, type Service, startService } from './service.js';

const ALICE = { email: 'alice@example.org' };
const MALLORY = { email: 'mallory@example.org' };

/** A code of the same length that is not `code`. */
function wrong(code: string): string {
  return String((Number(code) + 1) % 10 ** code.length).padStart(code.length, '0');
}

function lastCode({ mail }: Service): string {
  return mail.codes.at(-1) as string;
}

describe('a code', () => {
  it('may be wrong four times; the fifth spends it, whatever comes after', async () => {
    const service = await startService();
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    const code = lastCode(service);
    const outcomes = [];
    for (let i = 0; i < 5; i++) outcomes.push(await outcome(service.answer(id, wrong(code))));
    expect(outcomes).toEqual([...Array(4).fill([403, 'DIRECTORY_CODE_WRONG']), [410, 'DIRECTORY_CODE_SPENT']]);
    expect(await outcome(service.answer(id, code))).toEqual([410, 'DIRECTORY_CODE_SPENT']);
    expect(await service.server.registered('alice')).toBe(false);
  });

  it('is tried five times in all, also by many at once', async () => {
    const service = await startService();
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    const code = Number(lastCode(service));
    const guesses = Array.from({ length: 50 }, (_, i) => String((code + 1 + i) % 1e8).padStart(8, '0'));
    const outcomes = await Promise.all(guesses.map((guess) => outcome(service.answer(id, guess))));
    expect(outcomes.filter(([status]) => status === 403)).toHaveLength(4);
    expect(outcomes.filter(([status]) => status === 410)).toHaveLength(46);
  });

  it('registers once: neither a replay nor a second one at the same time gets anything', async () => {
    const service = await startService();
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    const code = lastCode(service);
    const both = await Promise.all([outcome(service.answer(id, code)), outcome(service.answer(id, code))]);
    expect(both).toEqual([
      [200, 'cose'],
      [410, 'DIRECTORY_CODE_SPENT'],
    ]);
    expect(await outcome(service.answer(id, code))).toEqual([410, 'DIRECTORY_CODE_SPENT']);
  });

  it('is good for its own registration alone, also for the same mailbox', async () => {
    const service = await startService();
    const first = await service.start((await applicant('alice', ALICE, START)).request);
    const firstCode = lastCode(service);
    const second = await service.start((await applicant('mallory', MALLORY, START)).request);
    const secondCode = lastCode(service);
    const third = await service.start((await applicant('alice', ALICE, START)).request);
    expect(await outcome(service.answer(second, firstCode))).toEqual([403, 'DIRECTORY_CODE_WRONG']);
    expect(await outcome(service.answer(first, secondCode))).toEqual([403, 'DIRECTORY_CODE_WRONG']);
    expect(await outcome(service.answer(third, firstCode))).toEqual([403, 'DIRECTORY_CODE_WRONG']);
    expect(await outcome(service.answer('AAAAAAAAAAAAAAAAAAAAAA', firstCode))).toEqual([410, 'DIRECTORY_CODE_SPENT']);
  });

  it('is good for ten minutes', async () => {
    const service = await startService();
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    service.clock.advance(CODE_LIFE);
    expect(await outcome(service.answer(id, lastCode(service)))).toEqual([410, 'DIRECTORY_CODE_SPENT']);
  });

  it('is not lost to a fault of ours', async () => {
    const store = failingStore();
    const service = await startService({ key: new Uint8Array(32) }, { store });
    const id = await service.start((await applicant('alice', ALICE, START)).request);
    store.fails = true;
    expect(await outcome(service.answer(id, lastCode(service)))).toEqual([500, 'INTERNAL']);
    store.fails = false;
    expect(await outcome(service.answer(id, lastCode(service)))).toEqual([200, 'cose']);
    expect(service.failures.map(String)).toEqual(['Error: the disk is full']);
  });
});

describe('an address', () => {
  it('of somebody else stays theirs, whatever mailbox one has', async () => {
    const service = await startService();
    const alice = await applicant('alice', ALICE, START);
    const id = await service.start(alice.request);
    await service.answer(id, lastCode(service));
    const stolen = await service.start((await applicant('alice', MALLORY, START)).request);
    expect(await outcome(service.answer(stolen, lastCode(service)))).toEqual([409, 'DIRECTORY_CONFLICT']);
    // Not even with the mailbox: a mailbox gives no key away.
    const again = await service.start((await applicant('alice', ALICE, START)).request);
    expect(await outcome(service.answer(again, lastCode(service)))).toEqual([409, 'DIRECTORY_CONFLICT']);
    const read = await service.server.app(new Request(`${service.server.url}/v1/keys/alice`));
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(alice.account.record.bytes);
  });

  it('goes to whose code is answered first', async () => {
    const service = await startService();
    const ids = [
      await service.start((await applicant('alice', ALICE, START)).request),
      await service.start((await applicant('alice', MALLORY, START)).request),
    ];
    const [first = '', second = ''] = service.mail.codes;
    const both = await Promise.all([
      outcome(service.answer(ids[0] as string, first)),
      outcome(service.answer(ids[1] as string, second)),
    ]);
    expect(both).toEqual([
      [200, 'cose'],
      [409, 'DIRECTORY_CONFLICT'],
    ]);
  });

  it('is one for each mailbox, unless the operator allows more', async () => {
    for (const [perVerificationId, expected] of [
      [1, [409, 'DIRECTORY_CONFLICT']],
      [2, [200, 'cose']],
    ] as const) {
      const service = await startService({ perVerificationId });
      for (const name of ['alice', 'alicia']) {
        const id = await service.start((await applicant(name, ALICE, START)).request);
        const answer = await outcome(service.answer(id, lastCode(service)));
        if (name === 'alicia') expect(answer).toEqual(expected);
      }
    }
  });

  it('needs a record by its own key', async () => {
    const service = await startService();
    const { account, request } = await applicant('alice', ALICE, START);
    const forged = account.record.bytes.slice();
    forged.set([(forged.at(-1) ?? 0) ^ 1], forged.length - 1);
    const byAnother = { ...request, record: toBase64url(forged) };
    expect(await outcome(service.post('', JSON.stringify(byAnother)))).toEqual([400, 'VERIFY_SIGNATURE']);
    const ofAnother = await requestFor(await accountOf('bob'), 'alice', ALICE, provider.randomBytes(32));
    expect(await outcome(service.post('', JSON.stringify(ofAnother)))).toEqual([400, 'USAGE_INVALID_ARGUMENT']);
    expect(service.mail.messages).toEqual([]);
  });
});

describe('who asks in order to learn', () => {
  it.each(['named', 'anonymous'] as const)('gets one answer and causes one kind of work, %s', async (mode) => {
    const someone = mode === 'named' ? applicant : anonymousApplicant;
    const store = countingStore();
    const service = await startService({ mode, key: new Uint8Array(32) }, { store });
    const alice = await someone('alice', ALICE, START);
    await service.answer(await service.start(alice.request), lastCode(service));
    const known = [
      alice.request,
      (await someone('alice', ALICE, START)).request,
      (await someone('alice', MALLORY, START)).request,
    ];
    const unknown = (await someone('nobody', { email: 'nobody@example.org' }, START)).request;
    const observed = [];
    for (const request of [...known, unknown]) {
      store.calls.length = 0;
      const answer = await service.post('', JSON.stringify(request));
      const fields = Object.keys((await answer.json()) as object);
      observed.push({ status: answer.status, fields, headers: [...answer.headers.keys()], calls: [...store.calls] });
    }
    // Nothing is looked up: what is registered cannot show in what is done, nor in how long it takes.
    expect(observed[0]).toEqual({
      status: 202,
      fields: ['id', 'digits', 'expiresAt'],
      headers: expect.any(Array),
      calls: [],
    });
    for (const each of observed) expect(each).toEqual(observed[0]);
    expect(service.mail.messages).toHaveLength(5);
    // A wrong code does not look anything up either.
    store.calls.length = 0;
    const id = await service.start(alice.request);
    await service.answer(id, wrong(lastCode(service)));
    expect(store.calls).toEqual([]);
  });

  it('finds no mailbox and no id in the database, in clear or to be guessed', async () => {
    const store = countingStore();
    const service = await startService({ mode: 'anonymous', key: new Uint8Array(32) }, { store });
    const { account, request } = await anonymousApplicant('alice', ALICE, START);
    await service.answer(await service.start(request), lastCode(service));
    const dump: string[] = [];
    for await (const [key, value] of store.iterator({})) dump.push(key, Buffer.from(value).toString('latin1'));
    const text = dump.join('\n');
    const guesses = [
      'alice@example.org',
      account.record.address,
      account.record.address.slice(1),
      createHash('sha256').update('alice@example.org').digest().toString('latin1'),
      createHmac('sha256', Buffer.from(request.salt ?? '', 'base64url'))
        .update('alice@example.org')
        .digest()
        .toString('latin1'),
      Buffer.from(request.salt ?? '', 'base64url').toString('latin1'),
      Buffer.from(account.record.identity).toString('latin1'),
    ];
    for (const guess of guesses) expect(text.includes(guess)).toBe(false);
    expect(text).toContain('registration/owner/');
  });
});

describe('who asks too often', () => {
  const once = { burst: 1, perSecond: 0.01 };
  const from = (client: string) => ({ 'X-Forwarded-For': client });

  async function limited(limits: RegistrationLimits, clientHeader?: string) {
    return startService({ limits }, { limits: { reads: false, writes: false, ...(clientHeader && { clientHeader }) } });
  }

  it('about one mailbox is told to wait, whatever the address and its spelling', async () => {
    const service = await limited({ perVerificationId: once });
    await service.start((await applicant('alice', ALICE, START)).request);
    const again = JSON.stringify((await applicant('alicia', { email: 'ALICE@example.org' }, START)).request);
    const refused = await service.post('', again);
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '100']);
    expect(await refused.json()).toMatchObject({ code: 'DIRECTORY_RATE_LIMITED' });
    await service.start((await applicant('bob', { email: 'bob@example.org' }, START)).request);
    service.clock.advance(100);
    await service.start((await applicant('alicia', ALICE, START)).request);
  });

  it('about one address, whatever the mailbox', async () => {
    const service = await limited({ perAddress: once });
    await service.start((await applicant('alice', ALICE, START)).request);
    const again = JSON.stringify((await applicant('alice', MALLORY, START)).request);
    expect(await outcome(service.post('', again))).toEqual([429, 'DIRECTORY_RATE_LIMITED']);
  });

  it('with everybody else, when codes cost money', async () => {
    const service = await limited({ total: once });
    await service.start((await applicant('alice', ALICE, START)).request);
    const next = JSON.stringify((await applicant('bob', MALLORY, START)).request);
    expect(await outcome(service.post('', next))).toEqual([429, 'DIRECTORY_RATE_LIMITED']);
  });

  it('from one network, before anything is read or verified', async () => {
    const service = await limited({ perNetwork: once, answers: once }, 'X-Forwarded-For');
    const codes = [];
    for (const client of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2']) {
      codes.push((await outcome(service.post('', '{}', from(client))))[0]);
    }
    expect(codes).toEqual([400, 429, 400, 400, 429]);
    const answers = [];
    for (const client of ['192.0.2.1', '192.0.2.1', '192.0.2.2']) {
      answers.push((await outcome(service.post('/AAAA/verify', '{"code":"123456"}', from(client))))[0]);
    }
    expect(answers).toEqual([410, 429, 410]);
  });

  it('is not somebody else by writing another address into the header', async () => {
    const trusting = await limited({ perNetwork: once }, 'X-Forwarded-For');
    const spoofed = [];
    // What the proxy adds stands last; the rest is whatever the client sent.
    for (const claimed of ['198.51.100.1', '198.51.100.2', '198.51.100.3, 10.0.0.1']) {
      spoofed.push((await outcome(trusting.post('', '{}', from(`${claimed}, 192.0.2.1`))))[0]);
    }
    expect(spoofed).toEqual([400, 429, 429]);
    const direct = await limited({ perNetwork: once });
    const ignored = [];
    for (const claimed of ['198.51.100.1', '198.51.100.2']) {
      ignored.push((await outcome(direct.post('', '{}', from(claimed))))[0]);
    }
    expect(ignored).toEqual([400, 429]);
  });

  it('fills a table that is bounded, and nobody loses a code over it', async () => {
    const service = await limited({ pending: 10 });
    const { request } = await applicant('alice', ALICE, START);
    const id = await service.start(request);
    const code = lastCode(service);
    const flood = JSON.stringify((await applicant('mallory', MALLORY, START)).request);
    const outcomes = [];
    for (let i = 0; i < 100; i++) outcomes.push((await outcome(service.post('', flood)))[0]);
    expect(outcomes.filter((status) => status === 202)).toHaveLength(9);
    expect(outcomes.filter((status) => status === 429)).toHaveLength(91);
    expect(service.mail.messages).toHaveLength(10);
    expect((await service.answer(id, code)).status).toBe(200);
    service.clock.advance(CODE_LIFE);
    const later = JSON.stringify((await applicant('mallory', MALLORY, service.clock.seconds())).request);
    expect((await service.post('', later)).status).toBe(202);
  });

  it('ten thousand times gets what the limits give, by default', async () => {
    const server = await createKeyProvider({
      clock: manualClock(),
      limits: { clientHeader: 'X-Forwarded-For', reads: false },
      registration: { mode: 'named', email: outgoing() },
    });
    onTestFinished(() => server.close());
    const counts = new Map<number, number>();
    for (let i = 0; i < 10_000; i++) {
      const headers = { 'X-Forwarded-For': '192.0.2.1' };
      const { status } = await server.app(
        new Request(`${server.url}/v1/registrations`, { method: 'POST', body: '{}', headers }),
      );
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ 400: 20, 429: 9980 });
  }, 60_000);

  it('ten thousand times with the largest records takes no more than 32 MiB', () => {
    const table = createPendingTable(10_000, () => START);
    const challenge = { code: '01234567', expiresAt: START + CODE_LIFE, triesLeft: 5 };
    const empty = new Uint8Array(32);
    const pending = { challenge, address: 'alice', identity: empty, owner: empty, startedAt: START };
    const record = new Uint8Array(1 << 16);
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      try {
        table.add(String(i), { ...pending, record });
      } catch {
        refused += 1;
      }
    }
    expect([table.size, refused]).toEqual([512, 9488]);
    expect(table.answer('0', '01234567').kind).toBe('right');
    table.add('next', { ...pending, record });
    expect(table.size).toBe(512);
  });
});

/** A store in memory that notes what is asked of it, and lasts. */
function countingStore(): Store & { readonly calls: string[] } {
  const inner = memoryStore();
  const calls: string[] = [];
  const { volatile: _, ...lasting } = inner;
  return {
    ...lasting,
    calls,
    get(key) {
      calls.push(`get ${key}`);
      return inner.get(key);
    },
    batch(operations) {
      calls.push(...operations.map(({ key }) => `write ${key}`));
      return inner.batch(operations);
    },
  };
}

function failingStore(): Store & { fails: boolean } {
  const { volatile: _, ...inner } = memoryStore();
  const store = {
    ...inner,
    fails: false,
    async batch(operations: Parameters<Store['batch']>[0]) {
      if (store.fails) throw new Error('the disk is full');
      await inner.batch(operations);
    },
  };
  return store;
}
