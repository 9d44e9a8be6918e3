import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { WebSocketServer } from 'ws';
import { type ErrorCode, SealMQError } from '../../errors.js';
import { webSocketStream } from './websocket-stream.js';

/** A certificate chain and its private key, both PEM. */
export interface TlsIdentity {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** Where and how to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly tls?: TlsIdentity | undefined;
}

/** An open port. */
export interface Listener {
  readonly url: string;
  /** Stops listening and cuts what is connected. */
  close(): Promise<void>;
}

/** Takes over a connection, from its first byte. */
export type ConnectionHandler = (stream: Duplex) => void;

/** The name under which MQTT is registered as a WebSocket subprotocol. */
const SUBPROTOCOL = 'mqtt';

const LISTEN_FAULTS: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'TRANSPORT_REFUSED',
  EACCES: 'TRANSPORT_REFUSED',
};

/**
 * MQTT over TCP, or TLS.
 *
 * @throws `TRANSPORT_REFUSED` when the port is taken or not ours to take, `TRANSPORT_UNREACHABLE` when the host is not
 *   this machine's, `USAGE_INVALID_ARGUMENT` for a certificate that does not parse
 */
export async function listenMqtt(options: ListenOptions, handle: ConnectionHandler): Promise<Listener> {
  // Without noDelay a small message waits for the acknowledgement of the one before it: 20 ms instead of 0.2.
  const { tls: identity } = options;
  const server = identity
    ? secureServer(() => tls.createServer({ ...pem(identity), noDelay: true }, handle))
    : net.createServer({ noDelay: true }, handle);
  return listen(server, options, identity ? 'mqtts' : 'mqtt');
}

/**
 * MQTT over WebSocket, or WebSocket over TLS; on any path.
 *
 * @param maxFrameBytes - the connection of a client that sends a longer frame is closed with code 1009
 * @throws as {@link listenMqtt}
 */
export async function listenWebSocket(
  options: ListenOptions,
  maxFrameBytes: number,
  handle: ConnectionHandler,
): Promise<Listener> {
  const { tls: identity } = options;
  const server = identity
    ? secureServer(() => https.createServer({ ...pem(identity), noDelay: true }, upgradeRequired))
    : http.createServer({ noDelay: true }, upgradeRequired);
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: maxFrameBytes,
    handleProtocols: () => SUBPROTOCOL,
  });
  server.on('upgrade', (request, socket, head) => {
    if (!offersMqtt(request)) {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => handle(webSocketStream(webSocket)));
  });
  return listen(server, options, identity ? 'wss' : 'ws');
}

function offersMqtt(request: http.IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim() === SUBPROTOCOL);
}

function upgradeRequired(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade' }).end();
}

async function listen(server: net.Server, { host, port }: ListenOptions, scheme: string): Promise<Listener> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    // It stays: later on, a connection that cannot be accepted must not end the process.
    server.on('error', (error) => reject(listenFault(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address() as net.AddressInfo;
  return {
    url: `${scheme}://${net.isIPv6(host) ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listenFault(error: NodeJS.ErrnoException, host: string, port: number): SealMQError {
  const code = LISTEN_FAULTS[error.code ?? ''] ?? 'TRANSPORT_UNREACHABLE';
  return new SealMQError(code, `cannot listen on ${host}, port ${port}: ${error.code}`, error);
}

function secureServer<T>(create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the TLS certificate or its key is not usable', error);
  }
}

/** Node wants Buffers where bytes are given. */
function pem({ cert, key }: TlsIdentity): { cert: string | Buffer; key: string | Buffer } {
  const asPem = (value: string | Uint8Array) => (typeof value === 'string' ? value : Buffer.from(value));
  return { cert: asPem(cert), key: asPem(key) };
}
