import { describe, expect, it } from 'vitest';
import { createKeyCache, type KeyCacheEvents, type KeyCacheOptions } from '../../src/client/key-cache.js';
import { SealMQError } from '../../src/errors.js';
import type { KeyRecord } from '../../src/protocol/identity/index.js';
import { accountOf, codeOf, lastingStore, manualClock, newIdentityOf, nextOf, provider, START } from './fixtures.js';
import { scriptedDirectory } from './scripted-directory.js';

const HRID = `~${'z2345677'.repeat(6)}abcd`;
const alice = await accountOf('alice');
const second = await nextOf(alice, alice.record);
const third = await nextOf(alice, second);
const fork = await nextOf(alice, alice.record, START + 1);
const other = await accountOf('alice');
const anonymous = await accountOf(HRID);
const newer = await nextOf(anonymous, anonymous.record);

const DAY = 24 * 3600;
const unreachable = () => new SealMQError('DIRECTORY_UNREACHABLE', 'away');
const handed = (record: KeyRecord) => ({ address: record.address, identity: record.identity, record });
const brief = ({ address, identity }: KeyRecord) => ({ address, identity });

function world(holds?: KeyRecord, options: Partial<KeyCacheOptions> = {}) {
  const directory = scriptedDirectory(holds);
  const clock = manualClock();
  const told: string[] = [];
  const conflicts: KeyCacheEvents['cardConflict'][] = [];
  const onEvent: KeyCacheOptions['onEvent'] = (name, event) => {
    if (name !== 'warning') told.push(name);
    if (name === 'cardConflict') conflicts.push(event as KeyCacheEvents['cardConflict']);
  };
  const cache = createKeyCache({ directory, provider, clock, onEvent, ...options });
  return { directory, clock, told, conflicts, cache };
}

describe('a registration id', () => {
  it('is asked of no directory, whoever wants to know', async () => {
    const { cache, directory } = world(anonymous.record);
    expect(await cache.record(HRID)).toBeUndefined();
    expect(await cache.record(HRID, { refresh: true })).toBeUndefined();
    expect(await cache.record(HRID, { forKid: new Uint8Array(32) })).toBeUndefined();
    expect(await cache.learn(HRID, anonymous.record.bytes)).toBeUndefined();
    expect((await cache.meet(handed(anonymous.record))).hash).toEqual(anonymous.record.hash);
    expect(await codeOf(cache.meet({ address: `~${'a'.repeat(52)}`, identity: new Uint8Array(32) }))).toBe(
      'DIRECTORY_NOT_FOUND',
    );
    cache.suspect();
    expect((await cache.record(HRID, { toSeal: true }))?.hash).toEqual(anonymous.record.hash);
    expect(directory.asked).toEqual([]);
  });

  it('has the record of its card for years, over restarts, until its owner sends a newer one', async () => {
    const store = lastingStore();
    const { cache, clock, told } = world(undefined, { store });
    await cache.meet(handed(anonymous.record));
    clock.advance(400 * DAY);
    cache.suspect();
    expect((await cache.record(HRID, { toSeal: true }))?.hash).toEqual(anonymous.record.hash);
    const again = world(undefined, { store, clock });
    expect((await again.cache.record(HRID))?.hash).toEqual(anonymous.record.hash);
    expect((await again.cache.learn(HRID, newer.bytes))?.hash).toEqual(newer.hash);
    clock.advance(400 * DAY);
    expect((await again.cache.record(HRID))?.hash).toEqual(newer.hash);
    // An old card of theirs is no news, and puts nothing back.
    expect((await again.cache.meet(handed(anonymous.record))).hash).toEqual(newer.hash);
    expect(told).toEqual([]);
  });
});

describe('a name', () => {
  it('that no directory has stands by its card; once one has it, it may not vanish', async () => {
    const { cache, clock, directory, told } = world();
    await cache.meet(handed(alice.record));
    clock.advance(DAY);
    expect((await cache.record('alice', { refresh: true }))?.hash).toEqual(alice.record.hash);
    expect(told).toEqual([]);
    directory.holds = alice.record;
    await cache.record('alice', { refresh: true });
    directory.holds = undefined;
    expect(await codeOf(cache.record('alice', { refresh: true }))).toBe('DIRECTORY_ROLLBACK');
    expect(told).toEqual(['rollbackRefused']);
  });

  it('whose directory is away stands by its card, and not without a record', async () => {
    const { cache, directory } = world();
    directory.fails = unreachable();
    expect(await codeOf(cache.meet(brief(alice.record)))).toBe('DIRECTORY_UNREACHABLE');
    expect((await cache.meet(handed(alice.record))).hash).toEqual(alice.record.hash);
    expect((await cache.meet(brief(alice.record))).hash).toEqual(alice.record.hash);
  });

  it('has the newest of what card and directory have', async () => {
    for (const [listed, card] of [
      [third, second],
      [second, third],
      [third, third],
      [alice.record, third],
    ] as const) {
      const { cache, told } = world(listed);
      expect((await cache.meet(handed(card))).hash).toEqual(third.hash);
      expect((await cache.record('alice'))?.hash).toEqual(third.hash);
      expect(told.filter((name) => name !== 'devicesChanged')).toEqual([]);
    }
    expect((await world(third).cache.meet(brief(second))).hash).toEqual(third.hash);
  });

  it('that stands on no list needs a whole card', async () => {
    expect(await codeOf(world().cache.meet(brief(alice.record)))).toBe('DIRECTORY_NOT_FOUND');
  });
});

describe('an alarm is raised, and nothing taken over,', () => {
  it('when the directory has another identity, known before or not', async () => {
    for (const known of [false, true]) {
      for (const card of [handed(alice.record), brief(alice.record)]) {
        const { cache, told, conflicts, directory } = world(known ? alice.record : undefined);
        if (known) await cache.record('alice');
        directory.holds = other.record;
        expect(await codeOf(cache.meet(card))).toBe('DIRECTORY_CARD_CONFLICT');
        expect(await codeOf(cache.meet(card))).toBe('DIRECTORY_CARD_CONFLICT');
        expect(told).toEqual(['cardConflict']);
        expect(conflicts).toMatchObject([{ ...card, source: 'directory', other: { hash: other.record.hash } }]);
        directory.fails = unreachable();
        if (known) expect((await cache.record('alice'))?.hash).toEqual(alice.record.hash);
        else expect(await codeOf(cache.record('alice'))).toBe('DIRECTORY_UNREACHABLE');
      }
    }
  });

  it('when another identity is known', async () => {
    const { cache, conflicts, directory } = world(other.record);
    await cache.record('alice');
    directory.fails = unreachable();
    expect(await codeOf(cache.meet(handed(alice.record)))).toBe('STATE_CARD_CONFLICT');
    expect(await codeOf(cache.meet(brief(alice.record)))).toBe('STATE_CARD_CONFLICT');
    expect(conflicts.map(({ source }) => source)).toEqual(['known']);
    expect((await cache.record('alice'))?.hash).toEqual(other.record.hash);
  });

  it('when two records of one version exist', async () => {
    const { cache, told } = world(second);
    expect(await codeOf(cache.meet(handed(fork)))).toBe('DIRECTORY_CONFLICT');
    expect(told).toEqual(['conflict']);
  });
});

describe('another identity', () => {
  it('takes the place of what is known when the application says so, with an event', async () => {
    const { cache, told } = world(other.record);
    await cache.record('alice');
    expect((await cache.meet(handed(alice.record), { replace: true })).hash).toEqual(alice.record.hash);
    expect(told).toEqual(['keyChanged']);
    expect(await codeOf(world(other.record).cache.meet(brief(alice.record), { replace: true }))).toBe(
      'DIRECTORY_CARD_CONFLICT',
    );
  });

  it('that the known one vouches for is an ordinary change', async () => {
    const moved = await newIdentityOf(alice, true);
    const { cache, told } = world();
    await cache.meet(handed(alice.record));
    expect((await cache.meet(handed(moved.record))).hash).toEqual(moved.record.hash);
    expect(told).toEqual(['keyChanged']);
    const holding = world(undefined, { onIdentityChange: () => 'hold' });
    await holding.cache.meet(handed(alice.record));
    expect(await codeOf(holding.cache.meet(handed(moved.record)))).toBe('DIRECTORY_IDENTITY_HELD');
  });
});
