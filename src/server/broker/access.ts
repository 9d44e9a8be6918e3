import type { AedesOptions, AuthenticateError, Client, PublishPacket, Subscription } from 'aedes';

/** Who is on a connection, as far as the broker knows. */
export interface BrokerClient {
  /** The MQTT client id: a secret, since who knows it can take over the session. */
  readonly id: string;
  readonly username?: string;
}

/** What a client said of itself on connecting. */
export interface Credentials extends BrokerClient {
  readonly password?: Uint8Array;
}

/** Yes or no, now or later. A rule that throws, or whose promise rejects, says no. */
export type Verdict = boolean | Promise<boolean>;

/** Who may connect, publish and subscribe. What is left out is allowed, save that topics beginning with `$` never are. */
export interface AccessRules {
  authenticate?(credentials: Credentials): Verdict;
  /** A denied message is acknowledged and dropped: MQTT 3.1.1 can only hang up, and the client would resend for ever. */
  authorizePublish?(client: BrokerClient, topic: string): Verdict;
  /** A denied filter is answered with return code 0x80. */
  authorizeSubscribe?(client: BrokerClient, filter: string): Verdict;
}

/** A refusal. */
export type RefusalEvent =
  | { readonly type: 'connection-denied'; readonly client: BrokerClient }
  | { readonly type: 'publish-denied'; readonly client: BrokerClient; readonly topic: string }
  | { readonly type: 'subscription-denied'; readonly client: BrokerClient; readonly filter: string };

/** Where denied messages end: aedes forwards nothing from `$SYS/` to wildcards, and nobody may subscribe to it. */
const SINK_TOPIC = '$SYS/sealmq/denied';

/** CONNACK return code "not authorized" (MQTT 3.1.1, table 3.1). */
const NOT_AUTHORIZED = 5;

/** What becomes of those that were let in. */
export interface Admission {
  /** A client was let in. */
  arrived(client: Client): void;
  /** A message of QoS 1 or 2 may be published; it is acknowledged when this settles. */
  published(packet: PublishPacket): Promise<void>;
  /** A filter may be subscribed to. */
  subscribed(subscription: Subscription): void;
  /** Somebody was refused. */
  refused(event: RefusalEvent): void;
}

/** The hooks of aedes that enforce `rules`. */
export function enforce(
  rules: AccessRules,
  admission: Admission,
): Required<Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>> {
  const known = new WeakMap<Client, BrokerClient>();
  const whoIs = (client: Client): BrokerClient => known.get(client) ?? { id: client.id };

  return {
    authenticate(client, username, password, done) {
      const identity: BrokerClient = { id: client.id, ...(username !== undefined && { username }) };
      const credentials: Credentials = { ...identity, ...(password !== undefined && { password }) };
      known.set(client, identity);
      settle(
        () => rules.authenticate?.(credentials),
        (allowed) => {
          if (allowed) {
            admission.arrived(client);
            return done(null, true);
          }
          admission.refused({ type: 'connection-denied', client: identity });
          done(notAuthorized(), null);
        },
      );
    },

    // Without a client it is a will left by an earlier life of the broker, allowed when it was accepted.
    authorizePublish(client, packet, done) {
      const identity = client ? whoIs(client) : undefined;
      const reserved = packet.topic.startsWith('$');
      const rule = () => (identity && !reserved ? rules.authorizePublish?.(identity, packet.topic) : !reserved);
      settle(rule, (allowed) => {
        if (!allowed) {
          if (identity) admission.refused({ type: 'publish-denied', client: identity, topic: packet.topic });
          divert(packet);
        }
        if (!allowed || packet.qos === 0) return done(null);
        admission.published(packet).then(() => done(null), done);
      });
    },

    // `$SYS` tells the client ids of all who come and go.
    authorizeSubscribe(client, subscription, done) {
      const identity = whoIs(client);
      const reserved = subscription.topic.startsWith('$');
      const rule = () => (reserved ? false : rules.authorizeSubscribe?.(identity, subscription.topic));
      settle(rule, (allowed) => {
        if (allowed) admission.subscribed(subscription);
        else admission.refused({ type: 'subscription-denied', client: identity, filter: subscription.topic });
        done(null, allowed ? (subscription as Subscription) : null);
      });
    },
  };
}

/** Hands on a verdict, at once where it is there: most are, and a turn of the event loop for each message would cost. */
function settle(rule: () => Verdict | undefined, use: (allowed: boolean) => void): void {
  const verdict = verdictOf(rule);
  if (verdict instanceof Promise) verdict.catch(() => false).then(use);
  else use(verdict);
}

function verdictOf(rule: () => Verdict | undefined): Verdict {
  try {
    return rule() ?? true;
  } catch {
    return false;
  }
}

function divert(packet: PublishPacket): void {
  packet.topic = SINK_TOPIC;
  packet.payload = '';
  packet.retain = false;
}

function notAuthorized(): AuthenticateError {
  return { name: 'AuthenticateError', message: 'not authorized', returnCode: NOT_AUTHORIZED };
}
