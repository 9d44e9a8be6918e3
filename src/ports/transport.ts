/** Why there is no connection. */
export type DisconnectCause =
  /** The broker denied us: credentials, client id, a subscription. */
  | 'refused'
  /** Nobody who speaks MQTT answered. */
  | 'unreachable'
  /** The credentials of this attempt could not be had. */
  | 'no-credentials'
  /** The credentials were about to run out: a connection with new ones follows at once. */
  | 'renewal'
  /** The broker gave no sign of life for too long: a network that went away in silence, or a machine that slept. */
  | 'keepalive-timeout'
  /** Another client with our id has the session now. Told by brokers of MQTT 5 only, like the next. */
  | 'taken-over'
  /** The broker said farewell: it is shut down, or does not like what it got. */
  | 'ended-by-broker'
  /** The connection broke. */
  | 'network'
  /** A received message could not be kept, so the broker has to send it again. */
  | 'not-taken'
  /** {@link Transport.pause}: a messenger does it while its inbox is full. */
  | 'paused'
  /** {@link Transport.close}. */
  | 'closed';

/** Why the connection is as it is. */
export interface ConnectionState {
  readonly state: 'connecting' | 'connected' | 'disconnected' | 'closed';
  /** For `connected`: the broker still had our session, so messages it queued for us follow. */
  readonly sessionPresent?: boolean;
  /** For `disconnected`: why, where the transport can tell. */
  readonly cause?: DisconnectCause;
  /** For `disconnected`: what was seen, for people. */
  readonly reason?: string;
}

/** How one message is to be published. */
export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain?: boolean;
  /** Seconds after which the broker may drop it; honoured where the broker speaks MQTT 5. */
  readonly expiresIn?: number;
}

/** What the broker is to publish for us when a connection ends without a farewell. */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** As {@link PublishOptions.expiresIn}. */
  readonly expiresIn?: number;
}

/** What a {@link Transport} hands in, and what it asks for. */
export interface TransportHandlers {
  /**
   * One received message, in the order of arrival. The acknowledgement (PUBACK) is withheld until the promise resolves, and
   * so are those of all messages behind it. Of these a bounded number is handed in meanwhile, then nothing more is read from
   * the socket: do a durable write in it, never a network wait. A rejection leaves the message unacknowledged, so that the
   * broker sends it again after a reconnect; then it can come while its first copy is still in hand. Without a promise it is
   * taken already: what needs no waiting must not pay for it.
   */
  message(topic: string, payload: Uint8Array): Promise<void> | undefined;

  /** Each change of the connection, in order. */
  connection(state: ConnectionState): void;

  /** Asked before each attempt to connect, for the will of that connection (QoS 1, not retained). Does not reject. */
  will?(): Promise<Will | undefined>;
}

/** How further filters are subscribed to. */
export interface SubscribeOptions {
  /** What this transport publishes itself need not come back, if the broker can tell (MQTT 5 §3.8.3.1, No Local): it may all the same. */
  readonly noLocal?: boolean;
}

/**
 * A publish/subscribe transport with at-least-once delivery and a session that the broker keeps while we are away:
 * MQTT, or anything that can do the same.
 */
export interface Transport {
  /**
   * Starts connecting and keeps at it, with jittered back-off, until {@link close}. Subscriptions of `filters` (QoS 1) are
   * in place when it resolves, and are renewed with every connection: a broker can lose them and not say so.
   *
   * @throws `TRANSPORT_REFUSED` when the broker denies us, `TRANSPORT_TIMEOUT` when nothing answers in time,
   *   `USAGE_INVALID_ARGUMENT` when there is a `will` and the connection is not the transport's own to make
   */
  open(filters: readonly string[], handlers: TransportHandlers): Promise<void>;

  /** Resolves when the broker has acknowledged (QoS 1) or the bytes are on their way (QoS 0). @throws `TRANSPORT_CLOSED` */
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void>;

  /**
   * Hands messages on further filters (QoS 1) in as well, from now on and across reconnects. Resolves when they are in place,
   * which needs a connection.
   *
   * @throws `TRANSPORT_REFUSED` when the broker denies one of them: then none is kept; `TRANSPORT_CLOSED`
   */
  subscribe(filters: readonly string[], options?: SubscribeOptions): Promise<void>;

  /**
   * Takes filters of {@link subscribe} back, or those that an earlier life of the session left behind. Nothing on them is
   * handed in any more; a broker that is away is told when it is back. Never rejects.
   */
  unsubscribe(filters: readonly string[]): Promise<void>;

  /** Disconnects on purpose, keeping the session at the broker; {@link resume} connects again. */
  pause(): Promise<void>;
  resume(): void;

  /** Disconnects for good. What is in flight is abandoned: the outbox has it. */
  close(): Promise<void>;
}
