/** How often something may happen: `burst` times at once, `perSecond` times in the long run. */
export interface TokenRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket as a value: `tokens` were in it at time `at` (milliseconds). */
export interface TokenBucket {
  readonly tokens: number;
  readonly at: number;
}

/** What {@link takeToken} answers: the bucket afterwards, and how long to wait (milliseconds) when it was empty. */
export interface TokenOutcome {
  readonly bucket: TokenBucket;
  /** 0 when it was taken. */
  readonly wait: number;
}

/**
 * Takes a token out of `bucket`; a missing bucket is a full one. A clock that runs backwards adds nothing.
 *
 * @param now - milliseconds
 */
export function takeToken(bucket: TokenBucket | undefined, rate: TokenRate, now: number): TokenOutcome {
  return takeTokens(bucket, rate, now, 1);
}

/** As {@link takeToken}, `count` at once or none; more than `burst` are never to be had. */
export function takeTokens(
  bucket: TokenBucket | undefined,
  { burst, perSecond }: TokenRate,
  now: number,
  count: number,
): TokenOutcome {
  const elapsed = bucket ? Math.max(now - bucket.at, 0) / 1000 : 0;
  const tokens = bucket ? Math.min(bucket.tokens + elapsed * perSecond, burst) : burst;
  if (tokens >= count) return { bucket: { tokens: tokens - count, at: now }, wait: 0 };
  return { bucket: { tokens, at: now }, wait: ((count - tokens) / perSecond) * 1000 };
}
