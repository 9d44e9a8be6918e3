import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import type { Account } from '../../src/protocol/identity/index.js';
import { createKeyProvider, type KeyProvider } from '../../src/server/key-provider/index.js';
import { FALSE_TIMES, tellFalseTime } from './false-time.js';
import { accountOf, codeOf, manualClock, nextOf, provider } from './fixtures.js';
import { type Passing, type TamperingServer, tamperingServer } from './tampering-server.js';

let honest: KeyProvider;
let stranger: KeyProvider;
let server: TamperingServer;
let directory: KeyDirectory;
let alice: Account;
let bob: Account;
const clock = manualClock();

beforeAll(async () => {
  const limits = { reads: false, writes: false } as const;
  const shared = { now: () => clock.now() };
  honest = await createKeyProvider({ clock: shared, limits });
  stranger = await createKeyProvider({ clock: shared, limits });
  server = await tamperingServer(() => honest);
  [alice, bob] = [await accountOf('alice'), await accountOf('bob')];
  for (const { record } of [alice, bob]) await publish(honest, record.address, record.bytes);
  await publish(stranger, 'alice', alice.record.bytes);
});

beforeEach(() => {
  server.tamper = () => {};
  server.paths.length = 0;
  directory = httpKeyDirectory({
    url: server.url,
    provider,
    pin: honest.directoryKey.thumbprint,
    clock,
    timeout: 1000,
  });
  return () => directory.close();
});

afterAll(async () => {
  await server.close();
  await honest.close();
  await stranger.close();
});

async function publish(to: KeyProvider, address: string, bytes: Uint8Array): Promise<void> {
  const body = bytes as Uint8Array<ArrayBuffer>;
  await to.app(new Request(`${to.url}/v1/keys/${address}`, { method: 'PUT', body }));
}

/** Tampers with answers about keys only. */
function withRecords(change: (answer: Passing) => void | Promise<void>): void {
  server.tamper = (answer) => (answer.path.startsWith('/v1/keys/') ? change(answer) : undefined);
}

async function answerOf(from: KeyProvider, address: string): Promise<Response> {
  return from.app(new Request(`${from.url}/v1/keys/${address}`));
}

describe('a directory that lies', () => {
  it('is believed as long as it does not', async () => {
    expect((await directory.lookup('alice')).kind).toBe('record');
    expect((await directory.lookup('alice', alice.record.hash)).kind).toBe('unchanged');
    expect((await directory.lookup('nobody')).kind).toBe('none');
    expect(await directory.time()).toBe(clock.now());
  });

  it('cannot answer with somebody else’s record', async () => {
    withRecords(async (answer) => {
      const other = await answerOf(honest, 'bob');
      answer.headers.set('sealmq-freshness', other.headers.get('SealMQ-Freshness') ?? '');
      answer.body = new Uint8Array(await other.arrayBuffer());
    });
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('cannot put another record under a statement', async () => {
    withRecords(async (answer) => {
      answer.body = (await nextOf(alice, alice.record)).bytes;
    });
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('cannot say "unchanged" about another record, or to who knows none', async () => {
    withRecords((answer) => {
      answer.status = 304;
      answer.body = new Uint8Array(0);
    });
    expect(await codeOf(directory.lookup('alice', bob.record.hash))).toBe('DIRECTORY_BAD_ANSWER');
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('cannot deny an address without its signature, or with the denial of another', async () => {
    const denial = await answerOf(honest, 'nobody');
    withRecords((answer) => {
      answer.status = 404;
      answer.headers.set('sealmq-freshness', denial.headers.get('SealMQ-Freshness') ?? '');
    });
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_BAD_ANSWER');
    withRecords((answer) => {
      answer.status = 404;
    });
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_BAD_ANSWER');
    withRecords((answer) => {
      answer.status = 404;
      answer.headers.delete('sealmq-freshness');
    });
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('cannot sign with another key', async () => {
    withRecords(async (answer) => {
      answer.headers.set('sealmq-freshness', (await answerOf(stranger, 'alice')).headers.get('SealMQ-Freshness') ?? '');
    });
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_KEY_CHANGED');
    expect(server.paths.filter((path) => path === '/v1/directory-key')).toHaveLength(2);
  });

  it('cannot repeat the time of another question', async () => {
    let first: Uint8Array | undefined;
    server.tamper = (answer) => {
      if (!answer.path.startsWith('/v1/time')) return;
      first ??= answer.body;
      answer.body = first;
    };
    await directory.time();
    expect(await codeOf(directory.time())).toBe('DIRECTORY_BAD_ANSWER');
  });

  it.each(FALSE_TIMES)('cannot move our clock by a time that is %s', async (kind) => {
    for (const by of [86_400_000, -86_400_000]) {
      server.tamper = (answer) => tellFalseTime(answer, kind, by);
      const code = kind === 'signed by somebody else' ? 'DIRECTORY_KEY_CHANGED' : 'DIRECTORY_BAD_ANSWER';
      expect(await codeOf(directory.time())).toBe(code);
    }
    // By a clock that had been moved, this would look stale, and the time would be asked for once more.
    expect(await directory.lookup('alice')).toMatchObject({ kind: 'record', maxAge: 300 });
    expect(server.paths.filter((path) => path.startsWith('/v1/time'))).toHaveLength(2);
  });
});

describe('a statement that looks stale', () => {
  it('is refused when directory time confirms it', async () => {
    const old = (await answerOf(honest, 'alice')).headers.get('SealMQ-Freshness') ?? '';
    withRecords((answer) => {
      answer.headers.set('sealmq-freshness', old);
    });
    expect((await directory.lookup('alice')).kind).toBe('record');
    clock.advance(3600);
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_STALE');
    expect(server.paths.filter((path) => path.startsWith('/v1/time'))).toHaveLength(1);
  });

  it('is refused when the time cannot be had', async () => {
    const slow = httpKeyDirectory({ url: server.url, provider, clock: { now: () => clock.now() - 86_400_000 } });
    server.tamper = (answer) => {
      if (answer.path.startsWith('/v1/time')) answer.status = 503;
    };
    expect(await codeOf(slow.lookup('alice'))).toBe('DIRECTORY_STALE');
    await slow.close();
  });

  it.each([-86_400, 86_400])('is believed when it is our clock that is off by %i s', async (offset) => {
    const wrong = { now: () => clock.now() + offset * 1000 };
    const off = httpKeyDirectory({ url: server.url, provider, clock: wrong });
    expect(await off.lookup('alice')).toMatchObject({ kind: 'record', maxAge: 300 });
    await off.lookup('bob');
    expect(server.paths.filter((path) => path.startsWith('/v1/time'))).toHaveLength(1);
    await off.close();
  });

  it('counts the age of what a cache in between has kept', async () => {
    const kept = (await answerOf(honest, 'alice')).headers.get('SealMQ-Freshness') ?? '';
    withRecords((answer) => {
      answer.headers.set('sealmq-freshness', kept);
    });
    clock.advance(100);
    expect(await directory.lookup('alice')).toMatchObject({ maxAge: 200 });
  });
});

describe('a server that is no directory', () => {
  const codes: [string, string, (answer: Passing) => void][] = [
    ['garbage for a statement', 'DIRECTORY_BAD_ANSWER', ({ headers }) => headers.set('sealmq-freshness', 'gar*bage')],
    [
      'a statement of 8,000 characters',
      'DIRECTORY_BAD_ANSWER',
      ({ headers }) => headers.set('sealmq-freshness', 'A'.repeat(8000)),
    ],
    ['no statement', 'DIRECTORY_BAD_ANSWER', ({ headers }) => headers.delete('sealmq-freshness')],
    ['a page of a captive portal', 'DIRECTORY_BAD_ANSWER', ({ headers }) => headers.set('content-type', 'text/html')],
    ['a redirect', 'DIRECTORY_BAD_ANSWER', redirect],
    ['a teapot', 'DIRECTORY_BAD_ANSWER', status(418)],
    ['a body without end', 'DIRECTORY_BAD_ANSWER', flood],
    ['half a body', 'DIRECTORY_UNREACHABLE', truncate],
    ['an answer that drips', 'DIRECTORY_UNREACHABLE', drip],
    ['silence', 'DIRECTORY_UNREACHABLE', taken(() => {})],
    ['a torn connection', 'DIRECTORY_UNREACHABLE', taken((response) => response.destroy())],
    ['an outage', 'DIRECTORY_UNREACHABLE', status(502)],
    ['too many requests', 'DIRECTORY_RATE_LIMITED', status(429)],
  ];
  it.each(codes)('%s is %s', async (_what, code, change) => {
    withRecords(change);
    expect(await codeOf(directory.lookup('alice'))).toBe(code);
    withRecords(() => {});
    expect((await directory.lookup('alice')).kind).toBe('record');
  });

  it('is not followed elsewhere', async () => {
    withRecords(redirect);
    await codeOf(directory.lookup('alice'));
    expect(server.paths.filter((path) => path === '/v1/keys/bob')).toEqual([]);
  });

  it('that speaks no HTTP at all, or is not there, is unreachable', async () => {
    const mute = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('SSH-2.0-OpenSSH_9.2\r\n'),
    );
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    const nobody = httpKeyDirectory({ url: `http://127.0.0.1:${port}`, provider });
    expect(await codeOf(nobody.lookup('alice'))).toBe('DIRECTORY_UNREACHABLE');
    await new Promise((resolve) => mute.close(resolve));
    expect(await codeOf(nobody.lookup('alice'))).toBe('DIRECTORY_UNREACHABLE');
    await nobody.close();
  });
});

describe('the address of a directory', () => {
  it('is https, or plain http on this machine, or what was asked for', async () => {
    for (const url of ['ftp://keys.example', 'keys.example', 'http://keys.example', 'http://127.0.0.1.example']) {
      expect(() => httpKeyDirectory({ url, provider })).toThrow(
        expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }),
      );
    }
    for (const options of [{ url: 'https://keys.example/sub' }, { url: 'http://keys.example', allowInsecure: true }]) {
      await httpKeyDirectory({ ...options, provider }).close();
    }
  });

  it('may have a path of its own', async () => {
    const urls: string[] = [];
    const fetch = async (url: string) => {
      urls.push(url);
      return new Response(null, { status: 503 });
    };
    await codeOf(httpKeyDirectory({ url: 'https://keys.example/sub?x=1', provider, fetch }).lookup('bob'));
    expect(urls).toEqual(['https://keys.example/sub/v1/keys/bob']);
  });
});

function redirect(answer: Passing): void {
  answer.status = 302;
  answer.headers.set('location', `${server.url}/v1/keys/bob`);
}

function flood(answer: Passing): void {
  answer.take = (response) => {
    response.writeHead(200, { 'content-type': 'application/cose' });
    const feed = (): void => {
      if (!response.destroyed) response.write(new Uint8Array(32_768), feed);
    };
    feed();
  };
}

function truncate(answer: Passing): void {
  const { body } = answer;
  answer.take = (response) => {
    response.writeHead(200, { 'content-type': 'application/cose', 'content-length': body.length });
    response.write(body.subarray(0, 100), () => response.destroy());
  };
}

function drip(answer: Passing): void {
  answer.take = (response) => {
    response.writeHead(200, { 'content-type': 'application/cose' });
    const timer = setInterval(() => response.write(Uint8Array.of(0)), 100);
    response.on('close', () => clearInterval(timer));
  };
}

function status(code: number): (answer: Passing) => void {
  return (answer) => {
    answer.status = code;
  };
}

function taken(take: NonNullable<Passing['take']>): (answer: Passing) => void {
  return (answer) => {
    answer.take = take;
  };
}
