import { SealMQError } from '../../errors.js';

/**
 * Bytes between threads. Structured clone spends more on a buffer than on the kilobyte in it, and of a view it copies all
 * that lies around it, so the bytes of many values go in one buffer, which is transferred.
 */

/** Values to be posted, and the buffer to be transferred with them. */
export interface Gathered<T> {
  readonly values: T[];
  readonly buffer: ArrayBuffer;
}

/** The same values as plain data, all their bytes copied into one buffer. @throws `USAGE_INVALID_ARGUMENT` for what is no data */
export function gather<T>(values: readonly T[]): Gathered<T> {
  let length = 0;
  mapBytes(values, (bytes) => {
    length += bytes.length;
    return bytes;
  });
  const all = new Uint8Array(length);
  let end = 0;
  const copied = mapBytes(values, (bytes) => {
    const start = end;
    end += bytes.length;
    all.set(bytes, start);
    return all.subarray(start, end);
  });
  return { values: copied as T[], buffer: all.buffer };
}

/** The same value, each of its byte arrays in memory of its own. */
export function apart<T>(value: T): T {
  return mapBytes(value, (bytes) => bytes.slice()) as T;
}

function mapBytes(value: unknown, map: (bytes: Uint8Array) => Uint8Array): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `a ${typeof value} cannot go to another thread`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return map(value);
  if (Array.isArray(value)) return value.map((each) => mapBytes(each, map));
  const copy: Record<string, unknown> = { ...value };
  for (const name in copy) copy[name] = mapBytes(copy[name], map);
  return copy;
}
