/** The same bytes as plain `Uint8Array`: a `Buffer` behaves differently in `slice`, `toString` and comparisons. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** The result of `work`, or `null` when it throws: libraries throw where the door answers that something does not fit. */
export function orNull<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
