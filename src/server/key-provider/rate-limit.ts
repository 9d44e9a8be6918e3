import { LRUCache } from 'lru-cache';
import { type TokenBucket, type TokenRate, takeToken } from '../../protocol/token-bucket.js';
import { errorAnswer } from './http-error.js';

/** Answers 0 when `client` may send another request, else how many milliseconds it should wait. */
export type RateLimit = (client: string) => number;

/** A token bucket for each client; of too many clients the least active ones are forgotten, so memory is bounded. */
export function rateLimit(rate: TokenRate | false, clients: number, now: () => number): RateLimit {
  if (rate === false) return () => 0;
  const buckets = new LRUCache<string, TokenBucket>({ max: clients });
  return (client) => {
    const { bucket, wait } = takeToken(buckets.get(client), rate, now());
    buckets.set(client, bucket);
    return wait;
  };
}

/** The answer to a client that should wait so many milliseconds: 429 with Retry-After. */
export function tooManyRequests(wait: number): Response {
  const seconds = String(Math.ceil(wait / 1000));
  return errorAnswer('DIRECTORY_RATE_LIMITED', `ask again in ${seconds} s`, { 'Retry-After': seconds });
}

/**
 * The client's address: the socket's, or what one's own proxy states in a header. Of a list (`X-Forwarded-For`) only the last one is
 * the proxy's word; those before it are whatever the client sent.
 */
export function addressOf(socketAddress: string | undefined, stated: string | undefined): string {
  return clientOf(stated?.split(',').at(-1)?.trim() || (socketAddress ?? 'unknown'));
}

/** What counts as one client: an IPv4 address, or the /64 network of an IPv6 one, which is what one household gets. */
export function clientOf(address: string): string {
  const v4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : Math.max(8 - before.length - after.length, 0);
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}
