import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type AedesOptions } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';

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

/**
 * Starts Mosquitto 2 (MQTT 5 and 3.1.1) on a free port, with further lines of configuration. Its `max_queued_messages 0`
 * (no limit) is avoided: with it 2.0.11 hangs up on a publish that the access rules deny.
 */
export async function startMosquitto(...lines: string[]): Promise<Broker> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(await freePort(), lines);
    } catch (error) {
      // Somebody else may have taken the port in the meantime.
      if (attempt === 3) throw error;
    }
  }
}

async function launch(port: number, lines: readonly string[]): Promise<Broker> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-mosquitto-'));
  const settings = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'set_tcp_nodelay true',
    'max_queued_messages 100000',
  ];
  await writeFile(join(folder, 'mosquitto.conf'), [...settings, ...lines, ''].join('\n'));
  const broker = spawn('/usr/sbin/mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await started(broker);
  return {
    port,
    async close() {
      broker.kill('SIGKILL');
      if (broker.exitCode === null && broker.signalCode === null) await once(broker, 'exit');
      await rm(folder, { recursive: true });
    },
  };
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

/** Resolves when the broker says that it runs; its log is read on, since a full pipe would stop it. */
function started(broker: ChildProcess): Promise<void> {
  let log = '';
  return new Promise((resolve, reject) => {
    broker.stderr?.on('data', (chunk) => {
      log += chunk;
      if (log.includes('running')) resolve();
    });
    broker.once('exit', () => reject(new Error(`mosquitto did not start: ${log}`)));
  });
}
