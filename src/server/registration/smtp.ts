import { createTransport } from 'nodemailer';
import { isLoopback } from '../../adapters/http/loopback.js';
import { SealMQError } from '../../errors.js';
import { emailId } from '../../protocol/registration/verification-id.js';
import type { CodeSender } from './options.js';

/** How e-mail is sent. */
export interface SmtpOptions {
  /**
   * `smtps://host:465`, or `smtp://host:587` with STARTTLS, which is demanded of every host but this machine. A user name and a
   * password may stand in it.
   */
  readonly url: string;
  /** The sender's address. */
  readonly from: string;
  readonly password?: string;
  /** Certificates (PEM) to trust instead of the platform's. */
  readonly ca?: string;
}

/** In milliseconds: to connect, and for a silence in between. */
const CONNECT_TIMEOUT = 10_000;
const SILENCE_TIMEOUT = 20_000;

/** Connections to the mail server; more messages wait. */
const CONNECTIONS = 4;

/**
 * Sends codes by e-mail, through nodemailer.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for a URL or an address that is none
 */
export function smtpSender(options: SmtpOptions): CodeSender {
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (url?.protocol !== 'smtp:' && url?.protocol !== 'smtps:') {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the URL of a mail server is smtp:// or smtps://');
  }
  const from = emailId(options.from).to;
  const secure = url.protocol === 'smtps:';
  const pass = options.password ?? decodeURIComponent(url.password);
  const transport = createTransport({
    host: url.hostname,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTLS: !secure && !isLoopback(url.hostname),
    ...(url.username !== '' && { auth: { user: decodeURIComponent(url.username), pass } }),
    tls: { minVersion: 'TLSv1.2', ...(options.ca !== undefined && { ca: options.ca }) },
    pool: true,
    maxConnections: CONNECTIONS,
    connectionTimeout: CONNECT_TIMEOUT,
    greetingTimeout: CONNECT_TIMEOUT,
    socketTimeout: SILENCE_TIMEOUT,
    // A message is text that we make: nothing in it may name a file or a URL to be read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ to, code, text }) {
      const headers = { 'Auto-Submitted': 'auto-generated' };
      await transport.sendMail({ from, to, subject: `${code} is your SealMQ code`, text, headers });
    },
    async close() {
      transport.close();
    },
  };
}
