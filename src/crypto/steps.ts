import { SealMQError } from '../errors.js';

/**
 * One program for synchronous and asynchronous backends: a protocol is a generator that yields what a backend answered,
 * a value or a promise of one. With node:crypto it runs through at once, with Web Crypto it waits where it must.
 */

/** A value now, or a promise of one. */
export type Awaitable<T> = T | Promise<T>;

/** What `next` makes of `value`: now, or when it is there. */
export function after<A, B>(value: Awaitable<A>, next: (value: A) => B): Awaitable<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** A program whose steps may have to be waited for; its result is a `T`. */
export type Steps<T> = Generator<unknown, T, unknown>;

/** One step: hands `value` to the driver and continues with what it settles to. Use as `yield* step(…)`. */
export function step<T>(value: Awaitable<T>): Steps<T> {
  return value instanceof Promise ? awaited(value) : settled(value);
}

/** All of `values`, waited for together where any is a promise. Use as `yield* all(…)`. */
export function all<T>(values: readonly Awaitable<T>[]): Steps<T[]> {
  return values.some((value) => value instanceof Promise) ? awaited(Promise.all(values)) : settled(values as T[]);
}

/** A program that is through: what a generator without a `yield` would be, for a quarter of its memory. */
export function settled<T>(value: T): Steps<T> {
  return new Settled(value) as unknown as Steps<T>;
}

/** Iterator and its last result in one. */
class Settled<T> {
  readonly done = true;

  constructor(readonly value: T) {}

  next(): this {
    return this;
  }

  [Symbol.iterator](): this {
    return this;
  }
}

function* awaited<T>(value: Promise<T>): Steps<T> {
  return (yield value) as T;
}

/** Runs a program: answers its result at once if no step was a promise, else a promise of it. */
export function run<T>(steps: Steps<T>): Awaitable<T> {
  const first = steps.next();
  return first.done ? first.value : wait(steps, first.value);
}

async function wait<T>(steps: Steps<T>, pending: unknown): Promise<T> {
  for (;;) {
    let next: IteratorResult<unknown, T>;
    try {
      next = steps.next(await pending);
    } catch (error) {
      next = steps.throw(error);
    }
    if (next.done) return next.value;
    pending = next.value;
  }
}

/** The result of a program that a synchronous backend has finished. @throws `USAGE_SYNC_UNAVAILABLE` */
export function atOnce<T>(result: Awaitable<T>): T {
  if (!(result instanceof Promise)) return result;
  // Nobody will look at that promise any more.
  result.catch(() => {});
  throw new SealMQError('USAGE_SYNC_UNAVAILABLE', 'this backend answers with promises; use the asynchronous form');
}
