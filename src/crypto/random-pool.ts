const POOL_BYTES = 4096;

/**
 * Random bytes out of a pool that one call of the generator fills: a message takes three small portions, and each call
 * costs as much as a hundred portions. Bytes are handed out once and zeroed behind.
 *
 * @param fill - fills an array from the platform's cryptographically secure generator
 */
export function randomPool(fill: (bytes: Uint8Array) => void): (size: number) => Uint8Array {
  const pool = new Uint8Array(POOL_BYTES);
  let position = POOL_BYTES;
  return (size) => {
    if (size > POOL_BYTES / 4) {
      const bytes = new Uint8Array(size);
      fill(bytes);
      return bytes;
    }
    if (position + size > POOL_BYTES) {
      fill(pool);
      position = 0;
    }
    const end = position + size;
    const bytes = pool.slice(position, end);
    pool.fill(0, position, end);
    position = end;
    return bytes;
  };
}
