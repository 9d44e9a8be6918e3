import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { SealMQError } from '../../errors.js';
import type { Will } from '../../ports/transport.js';

/** 5, or 4 for MQTT 3.1.1: the number that stands in the CONNECT packet. */
export type ProtocolVersion = 4 | 5;

/** Who we are to the broker. A token goes into `password`. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
}

/** Credentials that may run out. */
export interface PassingCredentials extends Credentials {
  /**
   * Milliseconds for which they hold. Before that is over new ones are asked for, and the connection is replaced by one that
   * shows them, with the session kept: MQTT 3.1.1 cannot renew them otherwise.
   */
  readonly validFor?: number;
}

/** TLS in Node, PEM text or bytes; `ca` holds for the key directory as well. Browsers use their own trust store. Verification of the broker cannot be switched off. */
export interface TlsOptions {
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly rejectUnauthorized?: never;
}

/** What {@link mqttTransport} is told. With an application's own client only `broker` and `connectTimeout` matter. */
export interface MqttTransportOptions extends Credentials {
  /**
   * `mqtt://`, `mqtts://`, `ws://` or `wss://` address, several of them (one broker under several names: the next is tried
   * when one does not answer), or an application's own client, made with `manualConnect: true` and not yet connected.
   */
  readonly broker: string | readonly string[] | MqttClient;

  /** Names the session at the broker. A secret: who knows it can take the session over and drain its queue. */
  readonly clientId: string;

  /** Asked before each connect, with our client id, so that a token can be renewed; what it answers goes before `username` and `password`. */
  readonly credentials?: (clientId: string) => Promise<PassingCredentials>;

  readonly tls?: TlsOptions;

  /** Milliseconds that one attempt may take until the broker has answered (10,000). `open` waits that long per address. */
  readonly connectTimeout?: number;

  /** What `onProtocolVersion` said last time; saves a refused attempt where the broker speaks 3.1.1 only. */
  readonly protocolVersion?: ProtocolVersion;

  /** Called when the version that the broker speaks turned out to be another than `protocolVersion`. */
  readonly onProtocolVersion?: (version: ProtocolVersion) => void;

  /** Seconds between signs of life (60). */
  readonly keepalive?: number;

  /** Seconds that the broker keeps the session while we are away (4,294,967,295: for ever); brokers of MQTT 5 only. */
  readonly sessionExpiry?: number;

  /** The broker forgets the session with the connection (off): nothing waits there, nothing is left there. */
  readonly clean?: boolean;

  /**
   * Name of a group whose members share what comes on the filters of `open`: each message goes to one of them (MQTT 5 §4.8.2).
   * Where the broker cannot do that, each member gets everything.
   */
  readonly shareGroup?: string;

  /** Messages that are handed in before the first of them is through (128); own connections only. */
  readonly mostInHand?: number;

  /** Uniform in [0, 1), for the jitter between attempts (`Math.random`). */
  readonly random?: () => number;
}

/** Options with the broker's addresses checked. */
export interface DialOptions extends MqttTransportOptions {
  readonly urls: readonly [string, ...string[]];
  readonly connectTimeout: number;
}

const SCHEMES = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];
const CONNECT_TIMEOUT = 10_000;
const NEVER = 0xffff_ffff;

/** {@link MqttTransportOptions.connectTimeout}, or 10 seconds. */
export function connectTimeout(options: MqttTransportOptions): number {
  return options.connectTimeout ?? CONNECT_TIMEOUT;
}

/** The options with `urls` in a list. @throws `USAGE_INVALID_ARGUMENT` for an address or a client id nobody can connect with */
export function dialOptions(options: MqttTransportOptions, broker: string | readonly string[]): DialOptions {
  const [first, ...others] = typeof broker === 'string' ? [broker] : broker;
  if (first === undefined) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'no address of a broker given');
  for (const url of [first, ...others]) checkUrl(url);
  if (options.clientId === '') throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the client id is empty');
  return { ...options, urls: [first, ...others], connectTimeout: connectTimeout(options) };
}

function checkUrl(url: string): void {
  const scheme = URL.canParse(url) ? new URL(url).protocol : undefined;
  if (scheme !== undefined && SCHEMES.includes(scheme)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', "a broker's address starts with mqtt://, mqtts://, ws:// or wss://");
}

/**
 * A client for one connection. It neither reconnects nor resends nor queues: a new one is made for the next connection, so
 * that nothing but the outbox decides what is sent again.
 */
export function createClient(
  url: string,
  options: DialOptions,
  version: ProtocolVersion,
  who: Credentials,
  will?: Will,
): MqttClient {
  const { username, password } = { username: options.username, password: options.password, ...who };
  const common: IClientOptions = {
    manualConnect: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    clean: options.clean ?? false,
    clientId: options.clientId,
    // A `clientId` in the address would replace ours.
    query: {},
    protocolVersion: version,
    connectTimeout: options.connectTimeout,
  };
  if (username !== undefined) Object.assign(common, { username, auth: '' });
  if (password !== undefined) common.password = password;
  if (options.keepalive !== undefined) common.keepalive = options.keepalive;
  if (will !== undefined) common.will = willOption(will, version);
  if (version === 5)
    common.properties = { sessionExpiryInterval: options.clean ? 0 : (options.sessionExpiry ?? NEVER) };
  const { ca, cert, key } = options.tls ?? {};
  const tls = Object.fromEntries(Object.entries({ ca, cert, key }).filter(([, value]) => value !== undefined));
  return mqtt.connect(url, { ...common, ...tls, rejectUnauthorized: true });
}

function willOption(
  { topic, payload, expiresIn }: Will,
  version: ProtocolVersion,
): NonNullable<IClientOptions['will']> {
  const will = { topic, payload: new Uint8Array(payload) as Buffer, qos: 1 as const, retain: false };
  if (version !== 5 || expiresIn === undefined) return will;
  return { ...will, properties: { messageExpiryInterval: expiresIn } };
}
