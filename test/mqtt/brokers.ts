import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type AedesOptions } from 'aedes';
import { it } from 'vitest';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { mosquittoAvailable, startMosquitto as startPeer } from '../peers/mosquitto.js';
import { peer } from '../peers/require.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** For `localhost` and 127.0.0.1, signed by itself. */
export const certificate = { cert: fixture('certificate.pem'), key: fixture('key.pem') };

/** A broker that runs for one test. */
export interface Broker {
  /** For plain TCP, on 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/** An aedes (MQTT 3.1.1) with all its doors open. */
export interface AedesBroker extends Broker {
  readonly aedes: Aedes;
  readonly tlsPort: number;
  readonly wsPort: number;
}

/** Starts aedes behind TCP, TLS and WebSocket listeners. */
export async function startAedes(options: AedesOptions = {}): Promise<AedesBroker> {
  const aedes = await Aedes.createBroker(options);
  const tcp = createServer({ noDelay: true }, aedes.handle);
  const tls = createTlsServer({ ...certificate, noDelay: true }, aedes.handle);
  const http = createHttpServer();
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket, request) => aedes.handle(createWebSocketStream(socket), request));
  const [port, tlsPort, wsPort] = await Promise.all([listen(tcp), listen(tls), listen(http)]);
  return {
    aedes,
    port,
    tlsPort,
    wsPort,
    async close() {
      const servers = [tcp, tls, http].map((server) => once(server.close(), 'close'));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      http.closeAllConnections();
      sockets.close();
      await Promise.all(servers);
    },
  };
}

/** For tests that need a real broker of MQTT 5. */
export const onMosquitto = it.skipIf(!peer('mosquitto', mosquittoAvailable()));

/** Starts Mosquitto 2 (MQTT 5 and 3.1.1) as shipped, with further lines of configuration. */
export async function startMosquitto(...lines: string[]): Promise<Broker> {
  const configure = (shipped: string): string => [shipped, ...lines, ''].join('\n');
  const mosquitto = await startPeer({ configure });
  return { port: Number(new URL(mosquitto.url).port), close: () => mosquitto.stop() };
}

/** A port of 127.0.0.1 where nobody listens at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await once(server.close(), 'close');
  return port;
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(server: Pick<Server, 'listen' | 'address'> & NodeJS.EventEmitter): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
