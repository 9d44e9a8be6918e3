import { toBase64url } from '../../bytes/base64url.js';
import type { TokenRate } from '../../protocol/token-bucket.js';
import { type RateLimit, rateLimit } from '../key-provider/rate-limit.js';
import type { RegistrationLimits } from './options.js';

const HOUR = 3600;

const DEFAULTS = {
  perNetwork: { burst: 20, perSecond: 1 / 30 },
  answers: { burst: 60, perSecond: 1 / 2 },
  perVerificationId: { burst: 5, perSecond: 1 / HOUR },
  perAddress: { burst: 10, perSecond: 6 / HOUR },
  total: { burst: 500, perSecond: 5 },
  pending: 10_000,
} as const;

/** Names that each limit keeps in mind; of more, the least active are forgotten. */
const NAMES = 50_000;

/** The limits of a registration service. Each answers 0, or how many milliseconds to wait. */
export interface Limits {
  /** Of what a network address may begin. */
  readonly perNetwork: RateLimit;
  /** Of the answers and renewals that a network address may send. */
  readonly answers: RateLimit;
  /** Whether a code may go out now. The keyed hash stands for the verification id: it is not even in memory. */
  forCode(owner: Uint8Array, address: string): number;
  /** Most registrations that wait. */
  readonly pending: number;
}

/** @param now - milliseconds */
export function createLimits(limits: RegistrationLimits, now: () => number): Limits {
  const given = { ...DEFAULTS, ...limits };
  const limit = (rate: TokenRate | false, names = NAMES) => rateLimit(rate, names, now);
  const perVerificationId = limit(given.perVerificationId);
  const perAddress = limit(given.perAddress);
  const total = limit(given.total, 1);
  return {
    perNetwork: limit(given.perNetwork),
    answers: limit(given.answers),
    forCode: (owner, address) => perVerificationId(toBase64url(owner)) || perAddress(address) || total('everybody'),
    pending: given.pending,
  };
}
