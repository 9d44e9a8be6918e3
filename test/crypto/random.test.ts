import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes/bytes.js';
import { randomPool } from '../../src/crypto/random-pool.js';
import { backends } from './backends.js';

describe.each(backends)('$label', ({ provider }) => {
  test('hands out as many bytes as asked for', () => {
    for (const size of [0, 1, 12, 32, 1023, 1024, 1025, 4096, 65_536, 65_537, 200_000]) {
      expect(provider.randomBytes(size)).toHaveLength(size);
    }
  });

  test('never repeats itself, and fills to the end', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 2000; round++) seen.add(toHex(provider.randomBytes(16)));
    expect(seen.size).toBe(2000);
    const large = provider.randomBytes(200_000);
    for (const start of [0, 65_536, 131_072, 199_900]) {
      expect(large.subarray(start, start + 100).some((byte) => byte !== 0)).toBe(true);
    }
  });
});

describe('the pool', () => {
  /** A generator that counts, so that every byte can be told from every other. */
  function counter() {
    let next = 0;
    const filled: Uint8Array[] = [];
    const fill = (bytes: Uint8Array) => {
      filled.push(bytes);
      for (let i = 0; i < bytes.length; i++) bytes[i] = next++ % 251;
    };
    return { fill, filled };
  }

  test('hands every byte out once, in order, and forgets it', () => {
    const { fill, filled } = counter();
    const random = randomPool(fill);
    expect(random(3)).toEqual(Uint8Array.of(0, 1, 2));
    expect(random(2)).toEqual(Uint8Array.of(3, 4));
    expect(filled).toHaveLength(1);
    expect(filled[0]?.subarray(0, 6)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 5));
  });

  test('gives copies: what a caller does to its bytes does not come back', () => {
    const random = randomPool(counter().fill);
    random(4).fill(0xaa);
    expect(random(4)).toEqual(Uint8Array.of(4, 5, 6, 7));
  });

  test('fills itself anew before it is short, and takes large portions elsewhere', () => {
    const { fill, filled } = counter();
    const random = randomPool(fill);
    for (let portion = 0; portion < 5; portion++) expect(random(1000)).toHaveLength(1000);
    expect(filled.map((bytes) => bytes.length)).toEqual([4096, 4096]);
    expect(random(5000)).toHaveLength(5000);
    expect(filled.map((bytes) => bytes.length)).toEqual([4096, 4096, 5000]);
  });
});
