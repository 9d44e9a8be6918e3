/** `value` and everything in it, frozen: whoever writes to it fails. Typed arrays cannot be frozen; see {@link snapshot}. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}

/** All of `value` as text, its bytes included, to be compared before and after. */
export function snapshot(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    ArrayBuffer.isView(part) ? Buffer.from(part.buffer).toString('hex') : part,
  );
}
