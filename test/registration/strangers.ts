import { createCipheriv } from 'node:crypto';

const DIGEST_BYTES = 32;
const PORTION = 8192;
const NOTHING = Buffer.alloc(DIGEST_BYTES * PORTION);

/** Digests that nobody else has, by the million and the same in every run: the key stream of AES-CTR under a key of `series`. */
export function* strangers(series: number, count: number): Generator<Uint8Array, void, undefined> {
  const stream = createCipheriv('aes-256-ctr', Buffer.alloc(32, series), Buffer.alloc(16));
  for (let left = count; left > 0; left -= PORTION) {
    const bytes = new Uint8Array(stream.update(NOTHING));
    for (let i = 0; i < Math.min(left, PORTION); i++) yield bytes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
  }
}

/** How many of `asked` strangers a filter takes for known. */
export function mistakesOf(filter: { has(digest: Uint8Array): boolean }, asked: number): number {
  let found = 0;
  for (const digest of strangers(2, asked)) if (filter.has(digest)) found += 1;
  return found;
}
