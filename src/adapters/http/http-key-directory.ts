import { toBase64url } from '../../bytes/base64url.js';
import { equal } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import { type Clock, offsetFrom, systemClock } from '../../ports/clock.js';
import type { DirectoryAnswer, KeyDirectory } from '../../ports/key-directory.js';
import type { Store } from '../../ports/store.js';
import { assertAddress, assertRecordAddress, isRegistrationId } from '../../protocol/address.js';
import {
  type Freshness,
  freshness,
  type Negative,
  negative,
  remainingLife,
  time,
} from '../../protocol/directory/statements.js';
import { decodeKeyLists } from '../../protocol/directory/trust.js';
import { badAnswer, coseBody, directoryRequests, type HttpAnswer, refusal, statementOf } from './directory-client.js';
import { openTrust } from './directory-trust.js';
import { httpRegistrar } from './http-registrar.js';
import { isLoopback } from './loopback.js';
import { type Fetch, type FetchOptions, platformFetch } from './platform-fetch.js';
import { tokenDesk } from './token-desk.js';

/** How a directory is reached. */
export interface HttpKeyDirectoryOptions extends FetchOptions {
  /** Of the service, such as `https://keys.example/`. Plain http to other machines needs {@link allowInsecure}. */
  readonly url: string | URL;
  readonly provider: CryptoProvider;
  /** Thumbprint of a signing key of the directory (base64url). Without it the first answer is believed, and remembered. */
  readonly pin?: string;
  /** Where the trusted keys of the directory outlive a restart, under `directory/trust/`. */
  readonly store?: Store;
  readonly clock?: Clock;
  /** For one request, in milliseconds; default 10,000. */
  readonly timeout?: number;
  /** Instead of undici (Node) or the platform's `fetch`. */
  readonly fetch?: Fetch;
  /** Speak plain http to other machines: they see who asks for whom, and without a pin can pose as the directory. */
  readonly allowInsecure?: boolean;
}

const DEFAULT_TIMEOUT = 10_000;
const NONCE_BYTES = 16;

/** How long it stands that a directory has no record of a registration id, in seconds. */
const REGISTRATION_ID_LIFE = 3600;

/**
 * The key directory at `url`. What it says is believed only with its signature: that a record is the present one, that there is
 * none, what time it is. Statements are judged by directory time, as far as {@link KeyDirectory.time} has been asked; one that
 * looks stale makes it ask once, for the clock of this machine may be what is wrong.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for a URL that is not http(s), plain http to another machine, or a malformed pin
 */
export function httpKeyDirectory(options: HttpKeyDirectoryOptions): KeyDirectory {
  const { provider, clock = systemClock, timeout = DEFAULT_TIMEOUT, allowInsecure = false } = options;
  const base = baseUrl(options.url, allowInsecure);
  const fetcher = options.fetch ? { fetch: options.fetch, close: async () => {} } : platformFetch(options);
  const request = directoryRequests(base, fetcher.fetch, timeout);
  /** Directory time minus this machine's, in milliseconds. */
  let delta = 0;
  const now = () => Math.floor((clock.now() + delta) / 1000);
  const trust = openTrust({
    ...options,
    now,
    origin: base.href,
    fetchLists: async () => decodeKeyLists(coseBody(await request('v1/directory-key'))),
  });

  async function askTime(): Promise<number> {
    const nonce = provider.randomBytes(NONCE_BYTES);
    const before = clock.now();
    const body = coseBody(await request(`v1/time?nonce=${toBase64url(nonce)}`));
    const after = clock.now();
    const answer = await trust.read(time, body);
    if (!equal(answer.nonce, nonce)) throw badAnswer('the time of another question');
    delta = offsetFrom(answer.now, before, after) ?? delta;
    return answer.now;
  }

  /** Seconds that a statement about `address` is still good for. */
  async function lifeOf(statement: Freshness | Negative, address: string): Promise<number> {
    if (statement.address !== address) throw badAnswer(`a statement about another address than ${address}`);
    try {
      return remainingLife(statement, now());
    } catch {
      await askTime().catch((cause: unknown) => {
        throw new SealMQError('DIRECTORY_STALE', 'a stale statement, and no time to judge it by', cause);
      });
      return remainingLife(statement, now());
    }
  }

  async function confirmed(address: string, hash: Uint8Array, answer: HttpAnswer): Promise<number> {
    const statement = await trust.read(freshness, statementOf(answer));
    if (!equal(statement.record, hash)) throw badAnswer('a statement about another record');
    return lifeOf(statement, address);
  }

  async function absent(address: string, answer: HttpAnswer): Promise<DirectoryAnswer> {
    const statement = await trust.read(negative, statementOf(answer));
    return { kind: 'none', maxAge: await lifeOf(statement, address) };
  }

  return {
    async lookup(address, knownHash) {
      // Nobody has its record but those who were handed a card: the directory need not learn who is asked for.
      if (isRegistrationId(address)) return { kind: 'none', maxAge: REGISTRATION_ID_LIFE };
      const headers: Record<string, string> = { Accept: 'application/cose' };
      if (knownHash) headers['If-None-Match'] = `"${toBase64url(knownHash)}"`;
      const answer = await request(keyPath(assertRecordAddress(address)), { headers });
      if (answer.status === 404) return absent(address, answer);
      if (answer.status === 304 && knownHash) {
        return { kind: 'unchanged', maxAge: await confirmed(address, knownHash, answer) };
      }
      const record = coseBody(answer);
      return { kind: 'record', record, maxAge: await confirmed(address, await provider.sha256(record), answer) };
    },

    async publish(address, record) {
      if (isRegistrationId(address)) return;
      const headers = { 'Content-Type': 'application/cose' };
      const body = record as Uint8Array<ArrayBuffer>;
      const answer = await request(keyPath(assertAddress(address)), { method: 'PUT', headers, body });
      if (answer.status !== 200 && answer.status !== 201) throw refusal(answer);
    },

    registrar: httpRegistrar(request, trust),
    time: askTime,
    tokens: tokenDesk(request, trust),
    close: () => fetcher.close(),
  };
}

function keyPath(address: string): string {
  return `v1/keys/${encodeURIComponent(address)}`;
}

/** The URL below which the routes lie. */
function baseUrl(url: string | URL, allowInsecure: boolean): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base?.protocol !== 'https:' && base?.protocol !== 'http:') {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the URL of a key directory is http(s)');
  }
  if (base.protocol === 'http:' && !isLoopback(base.hostname) && !allowInsecure) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'plain http to another machine: use https, or allowInsecure');
  }
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  base.search = '';
  base.hash = '';
  return base;
}
