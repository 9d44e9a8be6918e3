import { describe, expect, it } from 'vitest';
import { createKeyCache, type KeyCache, type KeyCacheOptions } from '../../src/client/key-cache.js';
import { run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { SealMQError } from '../../src/errors.js';
import { type Account, deviceKid } from '../../src/protocol/identity/index.js';
import { accountOf, codeOf, lastingStore, manualClock, nextOf, provider } from './fixtures.js';
import { gate, type ScriptedDirectory, scriptedDirectory } from './scripted-directory.js';

const alice = await accountOf('alice');
const second = await nextOf(alice, alice.record);
const unreachable = new SealMQError('DIRECTORY_UNREACHABLE', 'no connection');
const HOUR = 3600;
const DAY = 24 * HOUR;

interface World {
  readonly directory: ScriptedDirectory;
  readonly clock: ReturnType<typeof manualClock>;
  readonly cache: KeyCache;
  readonly warnings: string[];
}

function world(options: Partial<KeyCacheOptions> = {}): World {
  const directory = scriptedDirectory(alice.record);
  const clock = manualClock();
  const warnings: string[] = [];
  const onEvent: KeyCacheOptions['onEvent'] = (name, event) => {
    if (name === 'warning') warnings.push((event as SealMQError).code);
  };
  return { directory, clock, warnings, cache: createKeyCache({ directory, provider, clock, onEvent, ...options }) };
}

/** Waits for what was started behind the scenes. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

async function kidOf(account: Account): Promise<Uint8Array> {
  return run(keyThumbprint(provider, account.device.signKey.publicKey));
}

describe('a record in the cache', () => {
  it('is asked for once in its life, and then again', async () => {
    const { cache, directory, clock } = world({ staleWhileRevalidate: 0 });
    expect(cache.cached('alice')).toBeUndefined();
    expect((await cache.record('alice'))?.version).toBe(1);
    clock.advance(299);
    expect((await cache.record('alice'))?.version).toBe(1);
    expect(cache.cached('alice')?.version).toBe(1);
    expect(directory.asked).toHaveLength(1);
    clock.advance(2);
    directory.holds = second;
    expect((await cache.record('alice'))?.version).toBe(2);
    expect(directory.asked).toHaveLength(2);
    expect(cache.stats()).toEqual({ size: 1, hits: 2, misses: 2, lookups: 2, failures: 0 });
  });

  it('is asked for once by all who ask at once', async () => {
    const { cache, directory } = world();
    const { closed, open } = gate();
    directory.gate = closed;
    const all = Promise.all(Array.from({ length: 50 }, () => cache.record('alice')));
    open();
    expect((await all).every((record) => record?.version === 1)).toBe(true);
    expect(directory.asked).toEqual(['alice']);
  });

  it('is served at once when it is stale, and refreshed behind', async () => {
    const { cache, directory, clock } = world();
    await cache.record('alice');
    clock.advance(HOUR);
    directory.holds = second;
    expect((await cache.record('alice'))?.version).toBe(1);
    await settled();
    expect(cache.cached('alice')?.version).toBe(2);
    expect(directory.asked).toHaveLength(2);
  });

  it('lives no longer than a day and no shorter than a second, whatever the directory says', async () => {
    const { cache, directory, clock } = world({ staleWhileRevalidate: 0 });
    directory.maxAge = 10 * 365 * DAY;
    await cache.record('alice');
    clock.advance(DAY + 1);
    directory.maxAge = 0;
    await cache.record('alice');
    await cache.record('alice');
    expect(directory.asked).toHaveLength(2);
  });

  it('is confirmed without being sent or verified again', async () => {
    const { cache, directory, clock } = world({ staleWhileRevalidate: 0 });
    const first = await cache.record('alice');
    clock.advance(301);
    expect(await cache.record('alice')).toBe(first);
    expect(directory.asked).toHaveLength(2);
  });

  it('counts as stale when the clock stepped back', async () => {
    const { cache, directory, clock } = world();
    await cache.record('alice');
    clock.advance(-DAY);
    await cache.record('alice');
    await settled();
    expect(directory.asked).toHaveLength(2);
  });

  it('is fetched afresh on demand', async () => {
    const { cache, directory } = world();
    await cache.record('alice');
    directory.holds = second;
    expect((await cache.record('alice', { refresh: true }))?.version).toBe(2);
    directory.fails = unreachable;
    expect(await codeOf(cache.record('alice', { refresh: true }))).toBe('DIRECTORY_UNREACHABLE');
  });
});

describe('an address that nobody has claimed', () => {
  it('is asked for again after a short while', async () => {
    const { cache, directory, clock } = world();
    directory.holds = undefined;
    expect(await cache.record('alice')).toBeUndefined();
    expect(await cache.record('alice')).toBeUndefined();
    expect(directory.asked).toHaveLength(1);
    clock.advance(31);
    directory.holds = alice.record;
    expect((await cache.record('alice'))?.version).toBe(1);
  });

  it('is known at once when we claim it ourselves', async () => {
    const { cache, directory } = world();
    directory.holds = undefined;
    await cache.record('alice');
    await cache.publish(alice.record);
    expect(cache.cached('alice')).toBe(alice.record);
    expect(directory.asked).toHaveLength(1);
  });

  it('is refused when it is no address', async () => {
    const { cache, directory } = world();
    expect(await codeOf(cache.record('../alice'))).toBe('USAGE_INVALID_ADDRESS');
    expect(directory.asked).toEqual([]);
  });
});

describe('a message with a key id', () => {
  it('that is known asks nobody', async () => {
    const { cache, directory, clock } = world();
    await cache.record('alice');
    clock.advance(60);
    await cache.record('alice', { forKid: await kidOf(alice) });
    expect(directory.asked).toHaveLength(1);
  });

  it('that is unknown asks once, and not again for a while', async () => {
    const { cache, directory, clock } = world();
    const forKid = provider.randomBytes(32);
    await cache.record('alice');
    clock.advance(60);
    for (let i = 0; i < 5; i++) expect((await cache.record('alice', { forKid }))?.version).toBe(1);
    expect(directory.asked).toHaveLength(2);
    clock.advance(31);
    directory.holds = second;
    expect((await cache.record('alice', { forKid }))?.version).toBe(2);
  });

  it('finds a device that was added since', async () => {
    const { cache, directory, clock } = world();
    const other = await accountOf('alice');
    const forKid = await run(deviceKid(provider, other.record.devices[0] as (typeof other.record.devices)[0]));
    await cache.record('alice');
    clock.advance(60);
    directory.holds = other.record;
    expect((await cache.record('alice', { forKid }))?.identity).toEqual(other.record.identity);
  });

  it('cannot make us hammer the directory, whatever names it invents', async () => {
    const { cache, directory, clock } = world({ messageLookups: { burst: 5, perSecond: 1 } });
    directory.holds = undefined;
    const forKid = provider.randomBytes(32);
    const ask = (i: number) => codeOf(cache.record(`stranger-${i}`, { forKid }));
    const codes = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(i)));
    expect(codes.filter((code) => code === 'DIRECTORY_RATE_LIMITED')).toHaveLength(95);
    expect(directory.asked).toHaveLength(5);
    clock.advance(2);
    expect([await ask(200), await ask(201), await ask(202)]).toEqual([
      'resolved',
      'resolved',
      'DIRECTORY_RATE_LIMITED',
    ]);
    directory.holds = alice.record;
    expect((await cache.record('alice'))?.version).toBe(1);
  });

  it('says that the directory cannot be reached rather than that the key is unknown', async () => {
    const { cache, directory, clock } = world();
    await cache.record('alice');
    clock.advance(60);
    directory.fails = unreachable;
    const forKid = provider.randomBytes(32);
    expect(await codeOf(cache.record('alice', { forKid }))).toBe('DIRECTORY_UNREACHABLE');
    expect(await codeOf(cache.record('alice', { forKid }))).toBe('DIRECTORY_UNREACHABLE');
    expect(directory.asked).toHaveLength(2);
    expect((await cache.record('alice'))?.version).toBe(1);
  });
});

describe('while the directory is down', () => {
  it('known records serve for a week, and one look-up is tried now and then', async () => {
    const { cache, directory, clock, warnings } = world();
    await cache.record('alice');
    directory.fails = unreachable;
    clock.advance(DAY);
    for (let i = 0; i < 10; i++) expect((await cache.record('alice'))?.version).toBe(1);
    expect(directory.asked).toHaveLength(2);
    expect(warnings).toEqual(['DIRECTORY_UNREACHABLE']);
    expect(cache.cached('alice')).toBeUndefined();
    clock.advance(5 * DAY);
    expect((await cache.record('alice'))?.version).toBe(1);
    clock.advance(DAY + 1);
    expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_UNREACHABLE');
    directory.fails = undefined;
    clock.advance(31);
    expect((await cache.record('alice'))?.version).toBe(1);
  });

  it('an unknown address is an error, not an absence', async () => {
    const { cache, directory } = world();
    directory.fails = unreachable;
    expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_UNREACHABLE');
  });

  it('records outlive a restart', async () => {
    const store = lastingStore();
    const before = world({ store });
    await before.cache.record('alice');
    await before.cache.close();
    const after = world({ store });
    after.clock.advance(2 * DAY);
    after.directory.fails = unreachable;
    expect((await after.cache.record('alice'))?.version).toBe(1);
    const soon = world({ store });
    expect((await soon.cache.record('alice'))?.version).toBe(1);
    expect(soon.directory.asked).toEqual([]);
  });
});

describe('a closed cache', () => {
  it('waits for what runs and then refuses', async () => {
    const { cache, directory } = world();
    const { closed, open } = gate();
    directory.gate = closed;
    const running = cache.record('alice');
    await settled();
    let done = false;
    const closing = cache.close().then(() => {
      done = true;
    });
    await settled();
    expect(done).toBe(false);
    open();
    expect((await running)?.version).toBe(1);
    await closing;
    expect(await codeOf(cache.record('alice'))).toBe('USAGE_CLOSED');
    expect(cache.cached('alice')).toBeUndefined();
  });
});
