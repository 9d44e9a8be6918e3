import { BlockList, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { Aedes, type AedesOptions, type Client, type Subscription } from 'aedes';
import persistence from 'aedes-persistence-level';
import { SealMQError } from '../../errors.js';
import { type AccessRules, enforce, type RefusalEvent } from './access.js';
import {
  acceptAnyOrder,
  anotherCopy,
  storeBeforeAcknowledging,
  storeOnlyGranted,
  tolerateUnqueued,
} from './at-least-once.js';
import { identifyInMemory } from './in-flight.js';
import { listenMqtt, listenWebSocket, type TlsIdentity } from './listeners.js';
import { limitPackets } from './packet-limit.js';
import { resumeInOrder } from './resumption.js';
import { openSessions, type SessionDatabase } from './sessions.js';

/** What a broker reports. Client ids are secrets of their devices: do not publish them. */
export type BrokerEvent =
  | RefusalEvent
  | { readonly type: 'connected' | 'disconnected'; readonly client: { readonly id: string } }
  | { readonly type: 'connection-failed'; readonly reason: string }
  | { readonly type: 'storage-failed'; readonly error: unknown };

/** Settings of {@link createBroker}. */
export interface BrokerOptions extends AccessRules {
  /** Address or name to listen on; 127.0.0.1 unless given. */
  readonly host?: string;
  /** Port of MQTT over TCP, or TLS; 0 (the default) takes any free one, `false` leaves it out. */
  readonly mqtt?: number | false;
  /** Port of MQTT over WebSocket; 0 takes any free one, `false` (the default) leaves it out. */
  readonly ws?: number | false;
  /** Turns the listeners into mqtts and wss. */
  readonly tls?: TlsIdentity;
  /** Listen in plain off loopback: only behind something that ends TLS. */
  readonly allowInsecure?: boolean;
  /** Folder for sessions, queues and retained messages; without it they live as long as the broker. */
  readonly data?: string;
  /** Longest MQTT packet taken, in bytes; 2 MiB unless given. The connection of who sends a longer one is cut. */
  readonly maxPacketBytes?: number;
  /** Told what happens. */
  readonly log?: (event: BrokerEvent) => void;
}

/** A running broker. */
export interface Broker {
  /** `mqtt://…` or `mqtts://…`, where it listens for TCP. */
  readonly mqttUrl?: string;
  /** `ws://…` or `wss://…`, where it listens for WebSockets. */
  readonly wsUrl?: string;
  /** Clients connected now. */
  readonly connections: number;
  /** Stops listening, cuts all connections, closes the data folder. Again is harmless. */
  close(): Promise<void>;
}

/** A part of the broker that is to be closed in its turn. */
interface Closable {
  close(): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_MAX_PACKET_BYTES = 2 * 1024 * 1024;

/** A browser flushes whatever its window holds as one frame, so that a frame may well be longer than a packet. */
const PACKETS_PER_FRAME = 16;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Settings of aedes that its defaults get wrong for us. */
const AEDES_SETTINGS: AedesOptions = {
  // How many deliveries run at once, for all clients together. With the default of 100 one receiver that stops reading
  // takes them all, and everybody waits until aedes gives it up after a minute.
  concurrency: 0,
  // Packets of a client that does not wait for CONNACK. It is not read from before that, so they are few in any case.
  queueLimit: 10_000,
};

/**
 * An MQTT 3.1.1 broker in this process: QoS 0 to 2, sessions that outlive their connection, retained messages, wills.
 * A message of QoS 1 is in all queues it belongs to when it is acknowledged.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for a plain listener off loopback without `allowInsecure`, `TRANSPORT_REFUSED` for a
 *   port that is taken, `TRANSPORT_UNREACHABLE` for a host that is not this machine's, `STATE_LOCKED` for a data folder
 *   that another process has open, `STATE_CORRUPT`, `STATE_UNAVAILABLE`
 */
export async function createBroker(options: BrokerOptions = {}): Promise<Broker> {
  refuseExposure(options);
  const opened: Closable[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeInTurn(opened);
    return closing;
  };

  try {
    const sessions = await openSessions(options.data);
    opened.unshift(sessions.database);
    const aedes = await startAedes(options, sessions);
    opened.unshift({ close: () => new Promise((resolve) => aedes.close(resolve)) });
    const listeners = await openListeners(options, aedes, opened);
    return {
      ...listeners,
      get connections() {
        return aedes.connectedClients;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The last one opened goes first: no new connections, then the sessions of those there are, then what they wrote. */
async function closeInTurn(opened: readonly Closable[]): Promise<void> {
  for (const part of opened) await part.close();
}

function refuseExposure({ host = DEFAULT_HOST, tls, allowInsecure = false }: BrokerOptions): void {
  if (tls || allowInsecure || isLoopback(host)) return;
  throw new SealMQError(
    'USAGE_INVALID_ARGUMENT',
    `a listener on ${host} without TLS shows who talks to whom; give tls, or allowInsecure if something before it ends TLS`,
  );
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

async function startAedes(options: BrokerOptions, sessions: SessionDatabase): Promise<Aedes> {
  const log = options.log ?? (() => {});
  const aedes = await Aedes.createBroker({
    ...AEDES_SETTINGS,
    id: sessions.brokerId,
    persistence: persistence(sessions.database),
  });
  const granted = new WeakSet<Subscription>();
  storeOnlyGranted(aedes, granted);
  tolerateUnqueued(aedes);
  identifyInMemory(aedes, sessions.database);
  const underWay = storeBeforeAcknowledging(aedes);
  const resumptions = resumeInOrder(aedes, underWay);
  const isAnotherCopy = anotherCopy();

  Object.assign(
    aedes,
    enforce(options, {
      arrived: (client) => {
        acceptAnyOrder(aedes, client);
        resumptions.begin(client);
      },
      published: underWay.store,
      subscribed: (subscription) => granted.add(subscription),
      refused: log,
      reply: (topic, payload) => {
        const packet = {
          cmd: 'publish',
          topic,
          payload: Buffer.from(payload),
          qos: 1,
          retain: false,
          dup: false,
        } as const;
        aedes.publish(packet, (error) => error && log({ type: 'storage-failed', error }));
      },
    }),
  );
  aedes.authorizeForward = (client, packet) => {
    // A message id is a sign that it comes out of the queue.
    const live = packet.messageId === undefined;
    return live && (isAnotherCopy(client, packet) || resumptions.holdsBack(client, packet)) ? null : packet;
  };
  report(aedes, log);
  return aedes;
}

function report(aedes: Aedes, log: (event: BrokerEvent) => void): void {
  const failed = new WeakSet<Client>();
  // aedes fails a client again for each message that was under way to it.
  const fail = (client: Client, { message }: Error): void => {
    if (failed.has(client)) return;
    failed.add(client);
    log({ type: 'connection-failed', reason: message });
  };
  aedes.on('clientError', fail);
  aedes.on('connectionError', fail);
  aedes.on('client', ({ id }) => log({ type: 'connected', client: { id } }));
  aedes.on('clientDisconnect', ({ id }) => log({ type: 'disconnected', client: { id } }));
  (aedes as NodeJS.EventEmitter).on('error', (error: unknown) => log({ type: 'storage-failed', error }));
}

async function openListeners(
  options: BrokerOptions,
  aedes: Aedes,
  opened: Closable[],
): Promise<Pick<Broker, 'mqttUrl' | 'wsUrl'>> {
  const { host = DEFAULT_HOST, mqtt = 0, ws = false, tls, maxPacketBytes = DEFAULT_MAX_PACKET_BYTES } = options;
  const handle = (stream: Duplex): void => limitPackets(aedes.handle(stream), maxPacketBytes);
  const urls: { mqttUrl?: string; wsUrl?: string } = {};
  if (mqtt !== false) {
    const listener = await listenMqtt({ host, port: mqtt, tls }, handle);
    opened.unshift(listener);
    urls.mqttUrl = listener.url;
  }
  if (ws !== false) {
    const listener = await listenWebSocket({ host, port: ws, tls }, maxPacketBytes * PACKETS_PER_FRAME, handle);
    opened.unshift(listener);
    urls.wsUrl = listener.url;
  }
  return urls;
}
