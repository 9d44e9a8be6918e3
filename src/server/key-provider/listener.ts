import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { isLoopback } from '../../adapters/http/loopback.js';
import { SealMQError } from '../../errors.js';
import type { KeyProviderOptions } from './options.js';

/** Slow clients, in milliseconds: for the headers, and for a whole request. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000 };

/** How long requests under way may take to finish when the listener closes, in milliseconds. */
const CLOSING_TIME = 5000;

/** A listening socket. */
export interface Listener {
  readonly url: string;
  /** Stops listening, waits for what runs, at most 5 s. */
  close(): Promise<void>;
}

/** Handles a request; `env` holds Node's own objects. */
export type FetchHandler = (request: Request, env: HttpBindings) => Promise<Response>;

/**
 * Listens with `handle`.
 *
 * @throws `USAGE_INVALID_ARGUMENT` when it would serve other machines in clear, `TRANSPORT_REFUSED` for a port that is
 *   taken, `TRANSPORT_UNREACHABLE` for a host that is not this machine's
 */
export async function listen(handle: FetchHandler, options: KeyProviderOptions): Promise<Listener> {
  const { host = '127.0.0.1', port = 0, tls, allowInsecure = false } = options;
  if (!tls && !allowInsecure && !isLoopback(host)) {
    throw new SealMQError(
      'USAGE_INVALID_ARGUMENT',
      `serving ${host} needs tls, or allowInsecure behind a proxy that has it`,
    );
  }
  const listener = getRequestListener((request, env) => handle(request, env as HttpBindings), {
    overrideGlobalObjects: false,
  });
  const server = tls
    ? createHttpsServer({ ...TIMEOUTS, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' }, listener)
    : createHttpServer(TIMEOUTS, listener);
  await bind(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `${tls ? 'https' : 'http'}://${name}:${bound}`, close: () => shut(server) };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE' || cause.code === 'EACCES';
      const code = isTaken ? 'TRANSPORT_REFUSED' : 'TRANSPORT_UNREACHABLE';
      reject(new SealMQError(code, `cannot listen on ${host}:${port}`, cause));
    });
    server.listen(port, host, resolve);
  });
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), CLOSING_TIME);
    // A connection that was busy becomes idle after its answer, and would be kept alive.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(deadline);
      clearInterval(sweep);
      resolve();
    });
  });
}
