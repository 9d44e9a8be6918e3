import type { AedesOptions, AuthenticateError, Client, PublishPacket, Subscription } from 'aedes';
import { utf8 } from '../../bytes/bytes.js';

/** Who is on a connection, as far as the broker knows. */
export interface BrokerClient {
  /** The MQTT client id: a secret, since who knows it can take over the session. */
  readonly id: string;
  readonly username?: string;
  /** What `authenticate` answered, where that was more than yes. */
  readonly grant?: Grant;
}

/** What a client said of itself on connecting. */
export interface Credentials {
  readonly id: string;
  readonly username?: string;
  readonly password?: Uint8Array;
}

/** A yes that ends. */
export interface Grant {
  /** An address, or `relay`. */
  readonly address: string;
  /** The id of the device in the key record of the address. */
  readonly device?: string;
  /** The device is in no record yet: it is about to be linked. */
  readonly guest?: boolean;
  /** Milliseconds after which the connection is cut. */
  readonly validFor: number;
}

/** A message that somebody wants to publish, or leaves as a will. */
export interface Published {
  readonly retain: boolean;
  readonly payload: Uint8Array;
}

/** A no to a message, with a word to whoever sent it. */
export interface Denial {
  /** Where it is published, and what; `undefined` for nothing. */
  readonly reply: Promise<{ readonly topic: string; readonly payload: Uint8Array } | undefined>;
}

/** Yes or no, now or later. A rule that throws, or whose promise rejects, says no. */
export type Verdict<No = never, Yes = never> = boolean | No | Yes | Promise<boolean | No | Yes>;

/** Who may connect, publish and subscribe. What is left out is allowed, save that topics beginning with `$` never are. */
export interface AccessRules {
  authenticate?(credentials: Credentials): Verdict<never, Grant>;
  /** A denied message is acknowledged and dropped: MQTT 3.1.1 can only hang up, and the client would resend for ever. */
  authorizePublish?(client: BrokerClient, topic: string, message: Published): Verdict<Denial>;
  /** A denied filter is answered with return code 0x80. */
  authorizeSubscribe?(client: BrokerClient, filter: string): Verdict;
}

/** A refusal. */
export type RefusalEvent =
  | { readonly type: 'connection-denied' | 'connection-expired'; readonly client: BrokerClient }
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
  /** The broker itself has something to say. */
  reply(topic: string, payload: Uint8Array): void;
}

/** A client, with the will that aedes holds back until the client is let in. */
type Newcomer = Client & { _will?: PublishPacket | undefined };

/** Longest delay of a timer. */
const MAX_DELAY = 0x7fff_ffff;

/** The hooks of aedes that enforce `rules`. */
export function enforce(
  rules: AccessRules,
  admission: Admission,
): Required<Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>> {
  const known = new WeakMap<Client, BrokerClient>();
  const whoIs = (client: Client): BrokerClient => known.get(client) ?? { id: client.id };

  /** Hands on whether a message is allowed, after the refusal was dealt with. */
  const judge = (identity: BrokerClient, packet: PublishPacket, use: (allowed: boolean) => void): void => {
    const { topic, retain } = packet;
    const rule = () =>
      !topic.startsWith('$') && rules.authorizePublish?.(identity, topic, { retain, payload: bytesOf(packet) });
    settle(rule, (verdict) => {
      if (verdict !== true) admission.refused({ type: 'publish-denied', client: identity, topic });
      if (typeof verdict === 'object') void answer(verdict, admission);
      use(verdict === true);
    });
  };

  /** aedes publishes a will also in a later life of the broker, when nobody knows any more who left it. */
  const judgeWill = (client: Newcomer, identity: BrokerClient, then: () => void): void => {
    const { _will: will } = client;
    const proceed = (allowed: boolean): void => {
      if (!allowed) client._will = undefined;
      then();
    };
    if (will) judge(identity, will, proceed);
    else then();
  };

  return {
    authenticate(client, username, password, done) {
      const claimed: BrokerClient = { id: client.id, ...(username !== undefined && { username }) };
      settle(
        () => rules.authenticate?.({ ...claimed, ...(password !== undefined && { password }) }),
        (verdict) => {
          if (verdict === false) {
            admission.refused({ type: 'connection-denied', client: claimed });
            return done(notAuthorized(), null);
          }
          const identity: BrokerClient = verdict === true ? claimed : { ...claimed, grant: verdict };
          known.set(client, identity);
          const expired = () => admission.refused({ type: 'connection-expired', client: identity });
          if (identity.grant) endInTime(client, identity.grant, expired);
          judgeWill(client, identity, () => {
            admission.arrived(client);
            done(null, true);
          });
        },
      );
    },

    // Without a client it is a will left by an earlier life of the broker, allowed when it was accepted.
    authorizePublish(client, packet, done) {
      const proceed = (allowed: boolean): void => {
        if (!allowed) divert(packet);
        if (!allowed || packet.qos === 0) done(null);
        else admission.published(packet).then(() => done(null), done);
      };
      if (client) judge(whoIs(client), packet, proceed);
      else proceed(!packet.topic.startsWith('$'));
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
function settle<T>(
  rule: () => T | boolean | Promise<T | boolean> | undefined,
  use: (verdict: T | boolean) => void,
): void {
  const verdict = verdictOf(rule);
  if (verdict instanceof Promise) verdict.catch(() => false).then(use);
  else use(verdict);
}

function verdictOf<T>(rule: () => T | boolean | Promise<T | boolean> | undefined): T | boolean | Promise<T | boolean> {
  try {
    return rule() ?? true;
  } catch {
    return false;
  }
}

/** Cuts the connection when what let it in ends. */
function endInTime(client: Client, { validFor }: Grant, expired: () => void): void {
  const timer = setTimeout(
    () => {
      expired();
      client.close();
    },
    Math.min(Math.max(validFor, 0), MAX_DELAY),
  );
  client.conn.once('close', () => clearTimeout(timer));
}

async function answer({ reply }: Denial, admission: Admission): Promise<void> {
  const said = await reply.catch(() => undefined);
  if (said) admission.reply(said.topic, said.payload);
}

function bytesOf({ payload }: PublishPacket): Uint8Array {
  return typeof payload === 'string' ? utf8(payload) : payload;
}

function divert(packet: PublishPacket): void {
  packet.topic = SINK_TOPIC;
  packet.payload = '';
  packet.retain = false;
}

function notAuthorized(): AuthenticateError {
  return { name: 'AuthenticateError', message: 'not authorized', returnCode: NOT_AUTHORIZED };
}
