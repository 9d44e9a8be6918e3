import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { BloomFilter, IdFilter } from '../../src/protocol/registration/index.js';
import { codeOf } from '../directory/fixtures.js';
import { mistakesOf, strangers } from './strangers.js';

const digest = (name: string) => new Uint8Array(createHash('sha256').update(name).digest());
const GENERATION = 1000;
const settings = { capacity: 1000, falsePositives: 1e-3, generation: GENERATION };
const keyCheck = new Uint8Array(32);

/** The share of strangers that a filter takes for known. */
function falsePositives(filter: { has(digest: Uint8Array): boolean }, asked: number): number {
  let found = 0;
  for (let i = 0; i < asked; i++) if (filter.has(digest(`stranger ${i}`))) found += 1;
  return found / asked;
}

describe('a Bloom filter', () => {
  it('finds what was added, and is as wrong as it may be when it is full, not more', () => {
    const rate = 1e-2;
    const filter = new BloomFilter({ capacity: 5000, falsePositives: rate });
    for (let i = 0; i < 5000; i++) filter.add(digest(`member ${i}`));
    for (let i = 0; i < 5000; i++) expect(filter.has(digest(`member ${i}`))).toBe(true);
    const measured = falsePositives(filter, 50_000);
    // The first layer has half of the rate: 250 of 50,000 expected, 16 standard deviation.
    expect(measured).toBeGreaterThan(0.003);
    expect(measured).toBeLessThan(0.007);
  });

  it('grows before it saturates: at eight times its capacity its rate is still below the bound', () => {
    const filter = new BloomFilter({ capacity: 1000, falsePositives: 1e-2 });
    for (let i = 0; i < 8000; i++) filter.add(digest(`member ${i}`));
    expect(filter.layers).toBe(4);
    for (let i = 0; i < 8000; i++) expect(filter.has(digest(`member ${i}`))).toBe(true);
    expect(falsePositives(filter, 20_000)).toBeLessThan(1e-2);
  });

  it('is wrong five times in a hundred thousand when it is full and may be ten times', () => {
    const filter = new BloomFilter({ capacity: 20_000, falsePositives: 1e-4 });
    for (const digest of strangers(1, 20_000)) filter.add(digest);
    expect(filter.layers).toBe(1);
    const found = mistakesOf(filter, 1_000_000);
    // 50 of a million expected, 7 standard deviation.
    expect(found).toBeGreaterThan(25);
    expect(found).toBeLessThan(75);
  });

  it('of a million ids at 10⁻⁶ takes 4 MB a generation, and errs in none of 100,000 when a tenth full', () => {
    const filter = new BloomFilter({ capacity: 1_000_000, falsePositives: 5e-7 });
    for (let i = 0; i < 100_000; i++) filter.add(digest(`member ${i}`));
    expect(falsePositives(filter, 100_000)).toBe(0);
    expect(encodeCbor(filter.toCbor()).length).toBeLessThan(4_100_000);
  });

  it('counts what it has not seen before', () => {
    const filter = new BloomFilter(settings);
    expect([filter.add(digest('a')), filter.add(digest('a')), filter.add(digest('b'))]).toEqual([true, false, true]);
    expect(filter.count).toBe(2);
  });

  it.each([
    [{ capacity: 0, falsePositives: 1e-3 }],
    [{ capacity: 1.5, falsePositives: 1e-3 }],
    [{ capacity: 1e9, falsePositives: 1e-3 }],
    [{ capacity: 1, falsePositives: 0 }],
    [{ capacity: 1, falsePositives: 1 }],
    [{ capacity: 1, falsePositives: Number.NaN }],
  ])('is not made of %o', async (wrong) => {
    expect(await codeOf((async () => new BloomFilter(wrong))())).toBe('USAGE_INVALID_ARGUMENT');
  });

  it('has an end', async () => {
    const filter = new BloomFilter({ capacity: 1, falsePositives: 1e-3 });
    const fill = async () => {
      for (let i = 0; i < 10_000; i++) filter.add(digest(`member ${i}`));
    };
    expect(await codeOf(fill())).toBe('STATE_FULL');
    expect(filter.layers).toBe(12);
  });
});

describe('a filter of ids', () => {
  it('forgets what was not added again for two generations', () => {
    const filter = new IdFilter(settings, 0);
    filter.add(digest('once'), 0);
    filter.add(digest('again'), 0);
    filter.add(digest('again'), GENERATION);
    expect([filter.has(digest('once')), filter.has(digest('again'))]).toEqual([true, true]);
    expect(filter.advance(2 * GENERATION)).toBe(true);
    expect([filter.has(digest('once')), filter.has(digest('again'))]).toEqual([false, true]);
    expect(filter.advance(2 * GENERATION)).toBe(false);
    filter.advance(5 * GENERATION);
    expect(filter.has(digest('again'))).toBe(false);
  });

  it('outlives its bytes', () => {
    const filter = new IdFilter(settings, 0);
    for (let i = 0; i < 3000; i++) filter.add(digest(`member ${i}`), i);
    const decoded = IdFilter.decode(filter.encode(7, keyCheck), settings);
    expect([decoded.sequence, decoded.keyCheck, decoded.filter.count]).toEqual([7, keyCheck, filter.count]);
    expect(decoded.filter.encode(7, keyCheck)).toEqual(filter.encode(7, keyCheck));
    expect(decoded.filter.has(digest('member 2999'))).toBe(true);
  });

  it('refuses bytes that are none', async () => {
    const whole = new IdFilter(settings, 0).encode(0, keyCheck);
    const layer = toMap({ capacity: 1, hashes: 0, bits: Uint8Array.of(1), count: 0 });
    const of = (layers: unknown) =>
      encodeCbor(
        toMap({ version: 1, sequence: 0, keyCheck, generations: [toMap({ startedAt: 0, layers: layers as [] })] }),
      );
    for (const bytes of [new Uint8Array(), whole.slice(0, whole.length / 2), of([]), of([layer]), of(7)]) {
      expect(await codeOf((async () => IdFilter.decode(bytes, settings))())).toBe('STATE_CORRUPT');
    }
    const newer = encodeCbor(toMap({ version: 2, sequence: 0, keyCheck, generations: [] }));
    expect(await codeOf((async () => IdFilter.decode(newer, settings))())).toBe('STATE_NEWER_SCHEMA');
  });
});
