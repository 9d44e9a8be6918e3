import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before a broker: the network that tests can break. */
export interface Proxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** The protocol levels of the CONNECT packets that passed, in order: 4 for MQTT 3.1.1, 5 for MQTT 5. */
  readonly levels: readonly number[];
  /** From now on connections are closed at their n-th packet, which does not pass; 0: never. CONNECT is the first. */
  hangUpAt(packet: number): void;
  /** Breaks every connection of the moment. */
  cut(): void;
  /** While true, bytes from the broker are held back; the broker hears everything. */
  mute(muted: boolean): void;
  close(): Promise<void>;
}

/** Starts a proxy for the broker at `target` of 127.0.0.1. */
export async function startProxy(target: number): Promise<Proxy> {
  const pairs = new Set<{ near: Socket; far: Socket }>();
  const levels: number[] = [];
  let accepted = 0;
  let last = 0;
  const server = createServer({ noDelay: true }, (near) => {
    accepted++;
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
    const pair = { near, far };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    let packets = 0;
    near.on('data', (packet) => {
      if (++packets === 1) levels.push(protocolLevel(packet));
      if (packets !== last) return;
      far.destroy();
      near.end();
    });
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const { near } of pairs) near.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    levels,
    hangUpAt(packet) {
      last = packet;
    },
    cut,
    mute(muted) {
      for (const { near, far } of pairs) muted ? far.unpipe(near).pause() : far.pipe(near);
    },
    async close() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}

/** Behind the fixed header, whose length takes one byte or more, and the name `MQTT`. */
function protocolLevel(connectPacket: Uint8Array): number {
  const name = connectPacket.indexOf(0x51);
  return connectPacket[name + 3] ?? 0;
}
