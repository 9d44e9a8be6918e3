import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { gate } from '../../src/testing/observed-transport.js';
import { listen } from './brokers.js';

/** A server that is none of MQTT's. */
export interface Script {
  readonly port: number;
  /** Resolves when the first bytes of the first connection have arrived. */
  heard(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A server that answers the first packet of each connection with fixed bytes, and nothing ever after.
 *
 * @param deaf - reads nothing more, so that what is sent to it backs up
 */
export async function startScript(answer: Uint8Array = new Uint8Array(), { deaf = false } = {}): Promise<Script> {
  const sockets = new Set<Socket>();
  const first = gate();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => {
      socket.write(answer);
      first.pass();
      if (deaf) socket.pause();
      else socket.resume();
    });
  });
  const port = await listen(server);
  return {
    port,
    heard: () => first.open,
    async close() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
