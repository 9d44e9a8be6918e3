import { isLoopback } from '../../adapters/http/loopback.js';
import { type Fetch, platformFetch } from '../../adapters/http/platform-fetch.js';
import { SealMQError } from '../../errors.js';
import type { CodeSender } from './options.js';

/** How text messages are sent: by a service of the operator's. */
export interface SmsWebhookOptions {
  /** https, or http on this machine. */
  readonly url: string;
  /** Goes along as `Authorization: Bearer …`. */
  readonly token?: string;
  readonly fetch?: Fetch;
}

/** How long the service may take to accept a message, in milliseconds. */
const TIMEOUT = 10_000;

/**
 * Hands each text message to a web service: `POST` with the JSON `{"to": "+4915112345678", "code": "01234567", "text": "…",
 * "expiresAt": "2026-11-21T12:00:00.000Z"}`. Any status 2xx means that it was taken on; redirects are not followed.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for a URL that is none, or plain http to another machine
 */
export function smsWebhookSender({ url: address, token, fetch: given }: SmsWebhookOptions): CodeSender {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!url || !isSafe) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the URL of an SMS service is https');
  const { fetch, close } = given ? { fetch: given, close: async () => {} } : platformFetch();
  const headers = {
    'Content-Type': 'application/json',
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  };
  return {
    async send({ to, code, text, expiresAt }) {
      const body = JSON.stringify({ to, code, text, expiresAt: new Date(expiresAt * 1000).toISOString() });
      const signal = AbortSignal.timeout(TIMEOUT);
      const answer = await fetch(url.href, { method: 'POST', headers, body, signal, redirect: 'manual' });
      await answer.body?.cancel();
      if (answer.ok) return;
      throw new SealMQError('TRANSPORT_REFUSED', `the SMS service answered with status ${answer.status}`);
    },
    close,
  };
}
