import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { createKeyProvider } from '../../src/server/key-provider/index.js';
import { accountOf, codeOf, lastingStore, manualClock, nextOf, provider } from './fixtures.js';

const folder = await mkdtemp(join(tmpdir(), 'sealmq-key-provider-'));
const now = () => Math.floor(Date.now() / 1000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a key provider that is started again', () => {
  it('has its records, its key, and its memory of who claimed what', async () => {
    const data = join(folder, 'restart');
    const alice = await accountOf('alice', now());
    const first = await createKeyProvider({ data });
    const before = httpKeyDirectory({ url: first.url, provider });
    await before.publish('alice', alice.record.bytes);
    await before.close();
    await first.close();

    const second = await createKeyProvider({ data });
    expect(second.directoryKey).toEqual(first.directoryKey);
    const after = httpKeyDirectory({ url: second.url, provider, pin: first.directoryKey.thumbprint });
    expect((await after.lookup('alice', alice.record.hash)).kind).toBe('unchanged');
    const thief = await accountOf('alice', now());
    expect(await codeOf(after.publish('alice', thief.record.bytes))).toBe('DIRECTORY_CONFLICT');
    await after.publish('alice', (await nextOf(alice, alice.record, now())).bytes);
    await after.close();
    await second.close();
  });

  it('kept its folder to itself and its signing key encrypted', async () => {
    const data = join(folder, 'private');
    const server = await createKeyProvider({ data });
    await server.close();
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    const published = Buffer.from(server.directoryKey.publicKey).subarray(-32);
    for (const name of await readdir(data)) {
      expect((await readFile(join(data, name))).includes(published)).toBe(false);
    }
  });

  it('leaves a store that it was given open', async () => {
    const store = memoryStore();
    const server = await createKeyProvider({ store });
    await server.close();
    expect(await store.get('directory/keys')).toBeInstanceOf(Uint8Array);
  });
});

describe('concurrent first claims', () => {
  it('have one winner, which is still the winner after a restart', async () => {
    const store = lastingStore();
    // A policy that takes its time: all claims see the address free, unless they wait for one another.
    const claimPolicy = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return 'allow' as const;
    };
    const server = await createKeyProvider({ store, claimPolicy });
    const directory = httpKeyDirectory({ url: server.url, provider });
    const accounts = await Promise.all(Array.from({ length: 20 }, () => accountOf('alice', now())));
    const outcomes = await Promise.all(accounts.map(({ record }) => codeOf(directory.publish('alice', record.bytes))));
    expect(outcomes.filter((outcome) => outcome === 'resolved')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['resolved', 'DIRECTORY_CONFLICT']));
    await server.close();
    await directory.close();

    const winner = accounts[outcomes.indexOf('resolved')];
    const again = await createKeyProvider({ store });
    const later = httpKeyDirectory({ url: again.url, provider });
    expect((await later.lookup('alice', winner?.record.hash)).kind).toBe('unchanged');
    await later.close();
    await again.close();
  });
});

describe('a key provider that is closed', () => {
  it('finishes what runs, then takes nothing more', async () => {
    let admit = () => {};
    const asked = new Promise<void>((reached) => {
      admit = reached;
    });
    let decide: (decision: 'allow') => void = () => {};
    const claimPolicy = () => {
      admit();
      return new Promise<'allow'>((resolve) => {
        decide = resolve;
      });
    };
    const store = lastingStore();
    const server = await createKeyProvider({ store, claimPolicy });
    const directory = httpKeyDirectory({ url: server.url, provider });
    const { record } = await accountOf('alice', now());
    const publishing = directory.publish('alice', record.bytes);
    await asked;
    const closing = server.close();
    decide('allow');
    await publishing;
    await closing;
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_UNREACHABLE');
    expect((await server.app(new Request(`${server.url}/healthz`))).status).toBe(503);
    expect(await store.get('record/alice')).toEqual(record.bytes);
    await directory.close();
  });
});

describe('the roll-over of the signing key', () => {
  it('survives a restart in the middle, and ends', async () => {
    const store = lastingStore();
    const clock = manualClock();
    const first = await createKeyProvider({ store, clock });
    await first.rotateDirectoryKey({ overlap: 100 });
    expect(await codeOf(first.rotateDirectoryKey())).toBe('USAGE_INVALID_ARGUMENT');
    await first.close();
    const second = await createKeyProvider({ store, clock });
    expect(second.directoryKey).toEqual(first.directoryKey);
    clock.advance(100);
    await second.app(new Request(`${second.url}/v1/directory-key`));
    expect(second.directoryKey).not.toEqual(first.directoryKey);
    await second.rotateDirectoryKey({ overlap: 0 });
    await second.close();
    const names: string[] = [];
    for await (const [key] of store.iterator({ gte: 'key/', lt: 'key0' })) names.push(key);
    expect(names).toHaveLength(2);
  });
});

describe('TLS', () => {
  it('is spoken when there is a certificate', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    await promisify(execFile)('openssl', [
      'req',
      '-x509',
      '-nodes',
      ...curve,
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ]);
    const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
    const server = await createKeyProvider({ tls });
    const { hostname, port } = new URL(server.url);
    const status = await new Promise((resolve, reject) => {
      const request = httpsRequest({ hostname, port, path: '/healthz', ca: tls.cert, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      request.on('error', reject).end();
    });
    expect([server.url.startsWith('https:'), status]).toEqual([true, 200]);
    await server.close();
  });
});
