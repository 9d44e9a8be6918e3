import { type ErrorCode, SealMQError } from '../errors.js';
import type { CborMap, CborValue } from './cbor.js';

/** A type guard on a decoded value. */
export type Check<T> = (value: unknown) => value is T;

/** Reads typed fields out of a decoded CBOR map; anything missing or of another type is refused. Unknown keys are ignored. */
export class FieldReader {
  readonly #map: CborMap;
  readonly #code: ErrorCode;
  readonly #what: string;

  /** @throws {@link SealMQError} `code` when `value` is not a map; see {@link readFields} */
  constructor(value: CborValue | undefined, code: ErrorCode, what: string) {
    this.#code = code;
    this.#what = what;
    if (!(value instanceof Map)) throw this.#malformed('not a map');
    this.#map = value;
  }

  /** The value under `key`. @throws {@link SealMQError} when it is missing or fails `is` */
  required<T>(key: number | string, is: Check<T>): T {
    const found = this.#map.get(key);
    if (!is(found)) throw this.#malformed(key);
    return found;
  }

  /** As {@link FieldReader.required}, or `undefined` when there is no such key. */
  optional<T>(key: number | string, is: Check<T>): T | undefined {
    return this.#map.has(key) ? this.required(key, is) : undefined;
  }

  #malformed(key: number | string): SealMQError {
    return new SealMQError(this.#code, `malformed ${this.#what}: ${key}`);
  }
}

/**
 * A reader of the map `value`.
 *
 * @param code - the error to throw
 * @param what - what the map is, for people
 */
export function readFields(value: CborValue | undefined, code: ErrorCode, what: string): FieldReader {
  return new FieldReader(value, code, what);
}

/** An object whose `undefined` properties may be left out. */
type Optional<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** `fields` without those that are `undefined`. */
export function present<T extends object>(fields: T): Optional<T> {
  const result: Record<string, unknown> = {};
  for (const name in fields) if (fields[name] !== undefined) result[name] = fields[name];
  return result as Optional<T>;
}

/** A CBOR map of the fields that are not `undefined`, under their names. */
export function toMap(fields: Readonly<Record<string, CborValue | undefined>>): CborMap {
  return new Map(Object.entries(fields).filter((entry): entry is [string, CborValue] => entry[1] !== undefined));
}

/** An integer from 0 to 2⁵³ − 1. */
export const isCounter: Check<number> = (value): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** True or false. */
export const isFlag: Check<boolean> = (value): value is boolean => typeof value === 'boolean';

/** Any map. */
export const isMap: Check<CborMap> = (value): value is CborMap => value instanceof Map;

/** Any byte string. */
export const isBytes: Check<Uint8Array> = (value): value is Uint8Array => value instanceof Uint8Array;

/** A byte string of exactly `length` bytes. */
export function isBytesOf(length: number): Check<Uint8Array> {
  return (value): value is Uint8Array => value instanceof Uint8Array && value.length === length;
}

/** What would not come out of CBOR as it went in: a byte order mark in front, half a surrogate pair. */
const ALTERED_BY_UTF8 = /^\ufeff|\p{Surrogate}/u;

/** Well-formed text of 1 to `longest` UTF-16 code units. */
export function isText(longest: number): Check<string> {
  return (value): value is string =>
    typeof value === 'string' && value.length >= 1 && value.length <= longest && !ALTERED_BY_UTF8.test(value);
}

/** An array of up to `longest` items that all pass `is`. */
export function isArrayOf<T>(is: Check<T>, longest: number): Check<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.length <= longest && value.every(is);
}
