import type { IConnackPacket, MqttClient } from 'mqtt';
import { SealMQError } from '../../errors.js';
import type { DisconnectCause, Will } from '../../ports/transport.js';
import { hookIntake, type Receiver, verdictOf } from './intake.js';
import { createPublisher, type Publisher } from './publisher.js';
import { attemptCause, connectError, disconnectError, lossCause, reasonCode, refusesVersion } from './reasons.js';

/** Who is told what happens on a connection. */
export interface LinkHandlers {
  /** Connected: told before the first message is handed in. */
  up(link: Link): void;
  owns(topic: string): boolean;
  /** A rejection breaks the connection, so that the broker sends the message again. */
  deliver(topic: string, payload: Uint8Array): Promise<void> | undefined;
  will?(): Promise<Will | undefined>;
  /** As in the options of the transport. */
  readonly mostInHand?: number | undefined;
}

/** How a connection came to its end. */
export interface Loss {
  readonly reason: string;
  readonly cause: DisconnectCause;
}

/** One established connection. */
export interface Link {
  readonly client: MqttClient;
  readonly sessionPresent: boolean;
  readonly publisher: Publisher;
  /** Resolves when the connection is gone, for whatever reason; never rejects. */
  readonly lost: Promise<Loss>;
  /** Breaks the connection at once. */
  cut(error: Error): void;
}

/** What came of an attempt to connect, and what was learnt about the version of the protocol. */
export type Attempt =
  | { readonly kind: 'up'; readonly link: Link }
  | {
      readonly kind: 'failed';
      readonly error: SealMQError;
      readonly cause: DisconnectCause;
      readonly version: VersionSign;
    };

/** The broker answered in the version we spoke; refused it; hung up, as some do on a version they do not know; or nothing. */
export type VersionSign = 'spoken' | 'refused' | 'hung-up' | 'unknown';

/** Milliseconds for a farewell, after which the connection is cut. */
const FAREWELL = 2_000;

/** Whoever answered closed the connection again; every other error says that the broker was not reached. */
const HUNG_UP = ['ECONNRESET', 'EPIPE'];

/**
 * Connects a fresh client, once. The handlers are in place before the first byte goes out, since queued messages follow the
 * CONNACK at once. When `signal` is aborted the connection ends with a DISCONNECT, or is cut after two seconds; the session
 * stays at the broker.
 */
export async function establish(client: MqttClient, handlers: LinkHandlers, signal: AbortSignal): Promise<Attempt> {
  const { cut, closed } = watch(client);
  let link: Link | undefined;
  const leave = (): void => {
    link?.publisher.abandon('disconnected on purpose');
    hangUp(client);
  };
  hookIntake(client, receiver(handlers, cut), handlers.mostInHand);
  const connected = new Promise<Link>((resolve) => {
    client.once('connect', (connack) => {
      if (signal.aborted) return;
      link = createLink(client, connack, { cut, closed });
      handlers.up(link);
      resolve(link);
    });
  });
  try {
    client.connect();
  } catch (error) {
    const unusable = new SealMQError('USAGE_INVALID_ARGUMENT', 'these options do not make a connection', error);
    return { kind: 'failed', error: unusable, cause: 'unreachable', version: 'unknown' };
  }
  const reached = watchStream(client, cut);
  signal.addEventListener('abort', leave, { once: true });
  client.once('close', () => signal.removeEventListener('abort', leave));

  const outcome = await Promise.race([connected, closed]);
  return 'publisher' in outcome ? { kind: 'up', link: outcome } : failed(outcome.fault, reached());
}

interface Watch {
  cut(error: Error): void;
  readonly closed: Promise<{ readonly fault: Error | undefined }>;
}

/** Breaks the connection on the first thing that goes wrong, and remembers it. */
function watch(client: MqttClient): Watch {
  let fault: Error | undefined;
  const cut = (error: Error): void => {
    fault ??= error;
    client.stream?.destroy();
  };
  client.on('error', cut);
  client.on('disconnect', (packet) => cut(disconnectError(packet.reasonCode)));
  return { cut, closed: new Promise((resolve) => client.once('close', () => resolve({ fault }))) };
}

/** The client keeps stream errors without a code to itself. Answers whether the other side was reached. */
function watchStream({ stream }: MqttClient, cut: (error: Error) => void): () => boolean {
  let reached = false;
  stream.on('error', cut);
  stream.once('connect', () => {
    reached = true;
  });
  return () => reached;
}

/** Small packets must not wait for the acknowledgement of earlier ones (TCP_NODELAY); WebSockets do it by themselves. */
export function withoutDelay(stream: { setNoDelay?: (noDelay: boolean) => unknown } | object): void {
  if ('setNoDelay' in stream) stream.setNoDelay?.(true);
}

function receiver(handlers: LinkHandlers, cut: (error: Error) => void): Receiver {
  return {
    owns: handlers.owns,
    take: (topic, payload) =>
      verdictOf(
        () => handlers.deliver(topic, payload),
        (error) => {
          cut(new SealMQError('TRANSPORT_CLOSED', 'a received message was not taken', error));
          return 'stop';
        },
      ),
  };
}

function createLink(client: MqttClient, connack: IConnackPacket, { cut, closed }: Watch): Link {
  withoutDelay(client.stream);
  const publisher = createPublisher(client);
  const lost = closed.then(({ fault }) => {
    const reason = fault?.message ?? 'the connection was closed';
    publisher.abandon(reason);
    return { reason, cause: lossCause(fault) };
  });
  return { client, sessionPresent: connack.sessionPresent, publisher, lost, cut };
}

function failed(fault: Error | undefined, reached: boolean): Attempt {
  const error = connectError(fault);
  return { kind: 'failed', error, cause: attemptCause(error), version: versionSign(fault, reached) };
}

function versionSign(fault: Error | undefined, reached: boolean): VersionSign {
  if (refusesVersion(fault)) return 'refused';
  if (fault === undefined) return 'hung-up';
  if (reasonCode(fault) !== undefined) return 'spoken';
  if ('code' in fault && HUNG_UP.includes(String(fault.code))) return 'hung-up';
  // A browser's WebSocket tells nothing but that something happened.
  return reached && 'event' in fault ? 'hung-up' : 'unknown';
}

/** Ends the connection politely. What waits for an answer is dropped first: the client would wait for it. */
function hangUp(client: MqttClient): void {
  for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id));
  const { stream } = client;
  const timer = setTimeout(() => stream.destroy(), FAREWELL);
  client.once('close', () => clearTimeout(timer));
  // What the broker still sends stays unread: waiting for its end could take for ever.
  stream.once('finish', () => stream.destroy());
  client.end(!client.connected);
}
