import { equal, utf8 } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';

/** How long a code may be answered, in seconds, and how often. */
export const CODE_LIFE = 600;
export const CODE_TRIES = 5;

/** Digits of a code. */
export const MIN_DIGITS = 6;
export const MAX_DIGITS = 8;

/** A code that was sent and waits for its answer. */
export interface Challenge {
  readonly code: string;
  /** Seconds. */
  readonly expiresAt: number;
  readonly triesLeft: number;
}

/** What an answer makes of a challenge. A code that was answered rightly, too often or too late is gone. */
export type ChallengeOutcome =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong'; readonly challenge: Challenge }
  | { readonly kind: 'spent' };

/**
 * A challenge with a fresh code, every one as likely as any other.
 *
 * @param digits - 6 to 8
 * @param now - seconds
 */
export function startChallenge(provider: CryptoProvider, digits: number, now: number): Challenge {
  assertDigits(digits);
  return { code: drawCode(provider, digits), expiresAt: now + CODE_LIFE, triesLeft: CODE_TRIES };
}

/** @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` unless codes may have so many digits */
export function assertDigits(digits: number): void {
  if (Number.isInteger(digits) && digits >= MIN_DIGITS && digits <= MAX_DIGITS) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `a code has ${MIN_DIGITS} to ${MAX_DIGITS} digits`);
}

/**
 * Answers a challenge. The comparison takes as long for any wrong code of the right length.
 *
 * @param now - seconds
 */
export function answerChallenge(challenge: Challenge, code: string, now: number): ChallengeOutcome {
  if (challenge.expiresAt <= now || challenge.triesLeft < 1) return { kind: 'spent' };
  if (equal(utf8(challenge.code), utf8(code))) return { kind: 'right' };
  const triesLeft = challenge.triesLeft - 1;
  return triesLeft === 0 ? { kind: 'spent' } : { kind: 'wrong', challenge: { ...challenge, triesLeft } };
}

function drawCode(provider: CryptoProvider, digits: number): string {
  const codes = 10 ** digits;
  // What lies above the last whole multiple would make some codes likelier than others.
  const limit = 2 ** 32 - (2 ** 32 % codes);
  for (;;) {
    const [drawn = 0] = new Uint32Array(provider.randomBytes(4).slice().buffer);
    if (drawn < limit) return String(drawn % codes).padStart(digits, '0');
  }
}
