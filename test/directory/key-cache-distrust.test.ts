import { describe, expect, it } from 'vitest';
import { decodeCbor } from '../../src/bytes/cbor.js';
import {
  createKeyCache,
  type KeyCache,
  type KeyCacheEvents,
  type KeyCacheOptions,
} from '../../src/client/key-cache.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import { run } from '../../src/crypto/steps.js';
import type { Store } from '../../src/ports/store.js';
import { createAccount, type KeyRecord } from '../../src/protocol/identity/index.js';
import { drawnBefore } from '../fixtures/drawn-before.js';
import {
  accountOf,
  codeOf,
  lastingStore,
  manualClock,
  newIdentityOf,
  nextOf,
  provider,
  START,
  signedRecord,
} from './fixtures.js';
import { gate, type ScriptedDirectory, scriptedDirectory } from './scripted-directory.js';

const alice = await accountOf('alice');
const second = await nextOf(alice, alice.record);
const third = await nextOf(alice, second);
/** Another version 2 than {@link second}. */
const fork = await nextOf(alice, alice.record, START + 1);

type Told = { [Name in keyof KeyCacheEvents]: [Name, KeyCacheEvents[Name]] }[keyof KeyCacheEvents];

interface World {
  readonly directory: ScriptedDirectory;
  readonly clock: ReturnType<typeof manualClock>;
  readonly cache: KeyCache;
  /** All events but warnings. */
  readonly told: Told[];
  /** Lets the directory hold `record`, and asks for it anew. */
  meet(record: KeyRecord | undefined): Promise<string>;
}

function world(options: Partial<KeyCacheOptions> = {}): World {
  const directory = scriptedDirectory(alice.record);
  const clock = manualClock();
  const told: Told[] = [];
  const onEvent: KeyCacheOptions['onEvent'] = (name, event) => {
    if (name !== 'warning') told.push([name, event] as Told);
  };
  const cache = createKeyCache({ directory, provider, clock, onEvent, ...options });
  return {
    directory,
    clock,
    told,
    cache,
    async meet(record) {
      directory.holds = record;
      return codeOf(cache.record('alice', { refresh: true }));
    },
  };
}

describe('a directory that rolls back', () => {
  it('is refused, once aloud, and the known record goes on being used', async () => {
    const { cache, clock, meet, told } = world();
    await meet(second);
    expect(await meet(alice.record)).toBe('DIRECTORY_ROLLBACK');
    expect(await meet(alice.record)).toBe('DIRECTORY_ROLLBACK');
    expect(told).toEqual([
      [
        'rollbackRefused',
        { address: 'alice', known: expect.objectContaining({ version: 2 }), offered: alice.record.bytes },
      ],
    ]);
    expect((await cache.record('alice'))?.version).toBe(2);
    clock.advance(24 * 3600);
    expect((await cache.record('alice'))?.version).toBe(2);
  });

  it('is refused when it denies an address altogether', async () => {
    const { cache, meet, told } = world();
    await meet(alice.record);
    expect(await meet(undefined)).toBe('DIRECTORY_ROLLBACK');
    expect(told).toMatchObject([['rollbackRefused', { address: 'alice', offered: undefined }]]);
    expect((await cache.record('alice'))?.version).toBe(1);
  });

  it('is refused after a restart, and after the record fell out of memory', async () => {
    const store = lastingStore();
    const before = world({ store, max: 1 });
    await before.meet(second);
    before.directory.holds = (await accountOf('bob')).record;
    await before.cache.record('bob');
    expect(before.cache.cached('alice')).toBeUndefined();
    expect(await before.meet(alice.record)).toBe('DIRECTORY_ROLLBACK');
    const after = world({ store });
    expect(await after.meet(alice.record)).toBe('DIRECTORY_ROLLBACK');
    expect((await after.cache.record('alice'))?.version).toBe(2);
  });
});

describe('two records that exclude each other', () => {
  const store: Store = lastingStore();

  it('are told with the evidence, which is kept', async () => {
    const { cache, meet, told } = world({ store });
    await meet(second);
    expect(await meet(fork)).toBe('DIRECTORY_CONFLICT');
    expect(await meet(fork)).toBe('DIRECTORY_CONFLICT');
    expect(told).toEqual([['conflict', { address: 'alice', known: second.bytes, other: fork.bytes }]]);
    const evidence = decodeCbor((await store.get('directory/conflict/alice')) ?? new Uint8Array(0));
    expect(evidence).toEqual(
      new Map([
        ['known', second.bytes],
        ['other', fork.bytes],
      ]),
    );
    expect(cache.cached('alice')).toBeUndefined();
  });

  it('stay an error over a restart, until the directory comes back to the first', async () => {
    const { cache, directory, clock, meet } = world({ store });
    directory.holds = fork;
    expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_CONFLICT');
    expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_CONFLICT');
    expect(directory.asked).toHaveLength(1);
    clock.advance(31);
    expect(await meet(third)).toBe('resolved');
    expect((await cache.record('alice'))?.version).toBe(3);
  });

  it('include a next version that does not follow the known one', async () => {
    const { meet } = world();
    await meet(fork);
    expect(await meet(third)).toBe('DIRECTORY_CONFLICT');
  });
});

describe('a new identity', () => {
  it.each([true, false])('is accepted and told (vouched for: %s)', async (vouched) => {
    const { cache, meet, told } = world();
    await meet(alice.record);
    const { record } = await newIdentityOf(alice, vouched);
    expect(await meet(record)).toBe('resolved');
    expect(told).toMatchObject([
      [
        'keyChanged',
        { address: 'alice', previous: { version: 1 }, current: { hash: record.hash }, vouched, held: false },
      ],
    ]);
    expect(cache.cached('alice')?.identity).toEqual(record.identity);
  });

  it('is held until the application accepts it', async () => {
    let verified = false;
    const { cache, clock, meet, told } = world({
      onIdentityChange: ({ vouched }) => (vouched || verified ? 'accept' : 'hold'),
    });
    await meet(alice.record);
    const { record } = await newIdentityOf(alice, false);
    expect(await meet(record)).toBe('DIRECTORY_IDENTITY_HELD');
    expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_IDENTITY_HELD');
    expect(await meet(record)).toBe('DIRECTORY_IDENTITY_HELD');
    expect(told).toMatchObject([['keyChanged', { held: true }]]);
    verified = true;
    clock.advance(31);
    expect((await cache.record('alice'))?.identity).toEqual(record.identity);
    expect(told).toHaveLength(2);
  });
});

describe('the same identity', () => {
  it('that drops capabilities is told', async () => {
    const { meet, told } = world();
    await meet(alice.record);
    const { bytes: _bytes, hash: _hash, identity: _identity, ...content } = second;
    const capabilities = { profiles: ['sealmq/1'], suites: ['X25519-Ed25519'] };
    const weaker = await signedRecord(alice.identityKey, { ...content, capabilities });
    expect(await meet(weaker)).toBe('resolved');
    expect(told).toMatchObject([
      ['keyChanged', { vouched: true, held: false, dropped: ['P256-ESP256', 'RSA3072-PS256'] }],
    ]);
  });

  it('that goes on as usual is nothing to tell, over skipped versions too', async () => {
    const { meet, told } = world();
    await meet(alice.record);
    expect([await meet(third), told]).toEqual(['resolved', []]);
  });
});

describe('an answer', () => {
  it('with keys that this backend cannot use is told as that, and is no proof against the directory', async () => {
    const { cache, meet } = world({ provider: nobleProvider() });
    const suite = 'RSA3072-PS256';
    const { record } = await run(createAccount(drawnBefore(), { address: 'alice', suite, now: START }));
    expect(await meet(record)).toBe('DIRECTORY_SUITE_UNAVAILABLE');
    await meet(alice.record);
    expect(await meet(record)).toBe('DIRECTORY_SUITE_UNAVAILABLE');
    expect(cache.cached('alice')?.version).toBe(1);
  });

  it('with somebody else’s record is refused', async () => {
    const { cache, meet } = world();
    const bob = await accountOf('bob');
    expect(await meet(bob.record)).toBe('DIRECTORY_BAD_ANSWER');
    await meet(alice.record);
    expect(await meet(bob.record)).toBe('DIRECTORY_BAD_ANSWER');
    expect(cache.cached('alice')?.version).toBe(1);
  });

  it('that does not verify is refused', async () => {
    const { cache, directory } = world();
    const forged = alice.record.bytes.slice();
    forged.set([(forged.at(-1) ?? 0) ^ 1], forged.length - 1);
    for (const record of [forged, new Uint8Array(0), new Uint8Array(70_000)]) {
      directory.answers = { kind: 'record', record, maxAge: 60 };
      expect(await codeOf(cache.record('alice', { refresh: true }))).toBe('DIRECTORY_BAD_ANSWER');
    }
  });

  it('"unchanged" means nothing to who knows nothing', async () => {
    const { cache, directory } = world();
    directory.answers = { kind: 'unchanged', maxAge: 60 };
    expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_BAD_ANSWER');
  });

  it('that is older than what we published meanwhile does not replace it', async () => {
    const { cache, directory, told } = world();
    const { closed, open } = gate();
    directory.gate = closed;
    const asking = cache.record('alice');
    await expect.poll(() => directory.asked).toHaveLength(1);
    const publishing = cache.publish(second);
    open();
    await Promise.all([asking, publishing]);
    expect(cache.cached('alice')?.version).toBe(2);
    expect(told).toEqual([]);
  });
});
