import { lookup } from 'node:dns/promises';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { asSealMQError, SealMQError } from '../../../errors.js';
import { isPublicAddress } from './public-address.js';

/** The addresses of a host. Rejects when there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** How requests to push services are made. */
export interface PostOptions {
  readonly resolve: Resolve;
  /** Also to addresses that are not public. */
  readonly privateNetworks: boolean;
  /** Certificates (PEM) to trust in place of the well-known ones. */
  readonly ca: string | undefined;
  /** How long it may take in all, in milliseconds. */
  readonly timeout: number;
}

/** What a push service answered. */
export interface PostAnswer {
  readonly status: number;
  readonly retryAfter?: string;
}

/** Addresses of a host that are tried, one after the other. */
const MAX_TRIED = 4;

/** The platform's resolver. IPv4 first: where there is no way over IPv6, that is found out late. */
export const systemResolve: Resolve = async (host) =>
  (await lookup(host, { all: true, verbatim: false })).map(({ address }) => address);

/**
 * Posts to a push service. Its host is resolved once, and the connection goes to the very address that was looked at: a name that
 * leads elsewhere the next moment leads nowhere. Redirects are not followed, and of the answer nothing but status line and
 * headers is read.
 *
 * @throws `TRANSPORT_REFUSED` for a host that leads to an address which is not public; `TRANSPORT_UNREACHABLE`, `TRANSPORT_TIMEOUT`
 */
export async function post(
  url: URL,
  headers: Readonly<Record<string, string | number>>,
  body: Uint8Array,
  { resolve, privateNetworks, ca, timeout }: PostOptions,
): Promise<PostAnswer> {
  const signal = AbortSignal.timeout(timeout);
  const addresses = await inTime(signal, resolve(unbracketed(url.hostname)));
  if (addresses.length === 0) throw new SealMQError('TRANSPORT_UNREACHABLE', `${url.hostname} has no address`);
  if (!privateNetworks && !addresses.every(isPublicAddress)) {
    throw new SealMQError('TRANSPORT_REFUSED', `${url.hostname} leads to an address that is not public`);
  }
  const named = { ...headers, Host: url.host };
  let last: unknown;
  for (const address of addresses.slice(0, MAX_TRIED)) {
    try {
      return await postTo(address, url, named, body, { ca, signal });
    } catch (error) {
      last = error;
      if (signal.aborted) break;
    }
  }
  throw last;
}

function postTo(
  address: string,
  url: URL,
  headers: Readonly<Record<string, string | number>>,
  body: Uint8Array,
  { ca, signal }: Pick<PostOptions, 'ca'> & { readonly signal: AbortSignal },
): Promise<PostAnswer> {
  return new Promise((settle, reject) => {
    const going = request({
      ...{ method: 'POST', agent: false, headers, signal },
      ...{ host: address, port: url.port === '' ? 443 : Number(url.port), path: `${url.pathname}${url.search}` },
      // The certificate must be of the name, not of the address.
      ...(isIP(unbracketed(url.hostname)) === 0 && { servername: url.hostname }),
      ...(ca !== undefined && { ca }),
    });
    // Once it has answered, what becomes of the connection does not matter.
    going.on('error', (cause) => reject(failure(signal, cause)));
    going.once('response', ({ statusCode = 0, headers: { 'retry-after': retryAfter } }) => {
      settle({ status: statusCode, ...(retryAfter !== undefined && { retryAfter }) });
      going.destroy();
    });
    going.end(body);
  });
}

/** `work`, or a rejection when it takes too long. */
function inTime<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((settle, reject) => {
    const late = () => reject(failure(signal, signal.reason));
    signal.addEventListener('abort', late, { once: true });
    work
      .then(settle, (cause) => reject(failure(signal, cause)))
      .finally(() => signal.removeEventListener('abort', late));
  });
}

function failure(signal: AbortSignal, cause: unknown): SealMQError {
  if (signal.aborted) return new SealMQError('TRANSPORT_TIMEOUT', 'the push service did not answer in time', cause);
  return asSealMQError(cause, 'TRANSPORT_UNREACHABLE', 'the push service cannot be reached');
}

/** IPv6 stands in brackets in a URL. */
function unbracketed(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
